#!/usr/bin/env -S python3 -B
"""The harness itself, with small programs in the place of the engines."""

import sys
import textwrap
import unittest

import differences
import grammar
from compare import Comparison
from engines import Answer, Both, Record
from grammar import Case, Invalid
from shrink import shrink

# Answers each input of node 0 with the same record as node 1's, as `stream to:0` does.
ECHO = """
    import sys
    for line in sys.stdin:
        name, _, inputs = line.rstrip("\\n").split("|")
        print("case", name)
        for step, text in enumerate(inputs.split(" ")):
            _, key, value, time = text.split(":")
            print("step", step)
            %s
            print(1, key, value, time)
        print("end", flush=True)
"""


def program(special="pass"):
    return [sys.executable, "-c", textwrap.dedent(ECHO) % special]


def case(text):
    parsed = Case.parse(text)
    grammar.check(parsed)
    return parsed


def answer(*steps):
    return Answer([[Record(*record) for record in step] for step in steps], None)


class Engines(unittest.TestCase):
    INPUTS = case("1|stream to:0|0:1:a:1 0:2:abc:5 0:0:b:7 0:1:-:9")

    def comparison(self, theirs):
        both = Both(program(), theirs)
        self.addCleanup(both.stop)
        return Comparison(both)

    def test_the_same_answers_are_no_finding(self):
        comparison = self.comparison(program())
        self.assertIsNone(comparison.judge(self.INPUTS))
        self.assertEqual(comparison.records, 4)
        self.assertEqual(comparison.seen, {"stream", "to"})

    def test_a_difference_is_found_and_made_small(self):
        comparison = self.comparison(program("value = value.replace('c', 'd')"))
        self.assertEqual(comparison.judge(self.INPUTS), "outputs differ: 1")
        smallest = shrink(self.INPUTS, comparison.is_wrong)
        self.assertEqual(smallest.line(), "1|stream to:0|0:0:abc:0")

    def test_a_program_that_ends_is_a_finding_and_starts_again(self):
        comparison = self.comparison(program("if key == '2': sys.exit(3)"))
        problem = comparison.judge(self.INPUTS)
        self.assertEqual(problem, "Kafka Streams failed: Kafka Streams ended with code 3")
        self.assertIsNone(comparison.judge(case("1|stream to:0|0:1:a:1")))

    def test_what_a_program_says_is_a_finding(self):
        comparison = self.comparison(program("print('failed', 'no such thing')"))
        self.assertEqual(
            comparison.judge(self.INPUTS), "Kafka Streams failed: no such thing"
        )


class Grammar(unittest.TestCase):
    def test_random_cases_are_valid_and_their_text_comes_back(self):
        for seed in range(1, 500):
            made = grammar.generate(seed)
            self.assertEqual(case(made.line()).line(), made.line())

    def test_a_seed_is_a_case(self):
        self.assertEqual(grammar.generate(41).line(), grammar.generate(41).line())
        self.assertNotEqual(grammar.generate(41).line(), grammar.generate(42).line())

    def test_random_cases_have_every_operator(self):
        seen = set()
        for seed in range(1, 1000):
            seen.update(node.operation for node in grammar.generate(seed).nodes)
        self.assertEqual(seen, set(grammar.OPERATIONS))

    def assert_invalid(self, text):
        with self.assertRaises(Invalid):
            case(text)

    def test_one_input_on_two_ways_over_a_topic_has_no_order(self):
        self.assert_invalid("1|stream exchange:0 merge:0:1|0:1:a:1")
        self.assert_invalid("1|stream key_by:0:mod2 to_table:1 join:1:2|0:1:a:1")
        self.assert_invalid("1|stream session:0:3:0:count:final w_flatten:1 merge:0:2|0:1:a:1")
        case("1|stream key_by:0:mod2 exchange:1 to_table:2 join:2:3|0:1:a:1")
        case("1|stream to_table:0 join:0:1|0:1:a:1")

    def test_joined_tables_derive_from_other_inputs(self):
        self.assert_invalid("1|table t_filter:0:odd t_join:0:1|0:1:a:1")
        case("1|table table t_join:0:1|0:1:a:1 1:1:b:2")

    def test_nodes_read_what_they_can_read(self):
        self.assert_invalid("1|stream t_filter:0:odd|0:1:a:1")
        self.assert_invalid("1|stream filter:0:red|0:1:a:1")
        self.assert_invalid("1|stream split:0:odd:odd:none arm:1:rest|0:1:a:1")


class Differences(unittest.TestCase):
    def explained(self, text, ours, theirs):
        parsed = case(text)
        return [
            differences.explain(parsed, found)
            for found in differences.found_in(parsed, answer(*ours), answer(*theirs))
        ]

    def test_every_row_is_in_the_tables(self):
        self.assertEqual(differences.missing_rows(), [])

    def test_times_of_foreign_key_joins(self):
        text = "1|table table fk_join:0:1:mod2 to_stream:2 to:3|1:1:b:1"
        row = "timestamp of a foreign-key join"
        self.assertEqual(self.explained(text, [[(4, "1", "x", 5)]], [[(4, "1", "x", 1)]]), [row])
        self.assertEqual(self.explained(text, [[(4, "1", "x", 5)]], [[(4, "1", "y", 5)]]), [None])

    def test_times_of_other_joins_are_findings(self):
        text = "1|table table t_join:0:1 to_stream:2 to:3|1:1:b:1"
        self.assertEqual(self.explained(text, [[(4, "1", "x", 5)]], [[(4, "1", "x", 1)]]), [None])

    def test_final_sessions_after_late_records(self):
        text = "1|stream session:0:3:10:count:final w_to:1|0:1:a:9 0:1:a:%d"
        steps = [[], []], [[], [(2, "1[9,9)", "1", 9)]]
        self.assertEqual(self.explained(text % 8, *steps), ["a final session in the store"])
        self.assertEqual(self.explained(text % 30, *steps), [None])

    def test_the_order_of_records_counts(self):
        text = "1|stream to:0|0:1:a:1"
        one, other = (1, "1", "a", 1), (1, "2", "a", 1)
        self.assertEqual(self.explained(text, [[one, other]], [[other, one]]), [None])


if __name__ == "__main__":
    unittest.main()
