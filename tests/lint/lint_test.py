"""Tests of the checks: each must find what it is for, and leave good code alone."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import check_tidy
import duplicates
import layers
import monitoring
import prose
import readmes
import shape
import stock
import style
import wheels
from cpp_functions import functions
from cpp_members import classes
from tree import Tree


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def problems(self, check, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(check(Tree(self.root, list(files))))

    def places(self, check, files):
        """FILE:LINE of each problem, in order."""
        return sorted(line.split(": ")[0] for line in self.problems(check, files))

    def includes(self, name, *lines, **others):
        """The layer problems of file `name` with these #include lines."""
        files = {
            "engine/core/include/millrace/core/bytes.h": "",
            "engine/include/millrace/engine/engine.h": "",
            "engine/task/task.h": "",
            "state/include/millrace/state/task_state.h": "",
            "state/backend/backend.h": "",
            "operators/include/millrace/operators/stream.h": "",
            "operators/crm/model/ids.h": "",
        }
        text = "".join(f"#include {line}\n" for line in lines)
        return self.problems(layers.check, files | {name: text} | others)

    def monitored(self, rules="", tests="", dashboard="{}"):
        """The problems of these files before promtool sees them; the table has two metrics."""
        table = "| `millrace_a_total` | counter | x |\n| `millrace_b_seconds` | histogram |  |\n"
        kinds = dict(monitoring.ROW.findall(table))
        problems = []
        for name, text in (("rules", rules), ("tests", tests), ("dashboard", dashboard)):
            problems += monitoring.unknown_metrics(name, text, kinds)
        return problems + list(monitoring.incomplete_alerts(rules, tests))

    def test_alerts_name_metrics_of_the_table(self):
        known = "expr: rate(millrace_a_total[5m]) > job:millrace_a_total:sum\n"
        known += "expr: millrace_b_seconds_bucket + millrace_b_seconds_sum"
        self.assertEqual([], self.monitored(rules=known))
        wrong = "\nexpr: millrace_a > millrace_b_seconds\nrecord: job:millrace_c:sum"
        self.assertEqual(
            ["rules:2: the engine has no metric millrace_a (apps/monitoring/metrics.md)",
             "rules:2: the engine has no metric millrace_b_seconds (apps/monitoring/metrics.md)",
             "rules:3: the engine has no metric millrace_c (apps/monitoring/metrics.md)"],
            self.monitored(rules=wrong),
        )
        self.assertEqual(1, len(self.monitored(dashboard='{"expr": "millrace_lost_total"}')))

    def test_alerts_have_texts_and_tests(self):
        whole = "- alert: A\n  expr: x\n  severity: warning\n  summary: s\n  description: d\n"
        tested = 'ALERTS{alertname="A"}'
        self.assertEqual([], self.monitored(rules=whole + "  action: a\n", tests=tested))
        self.assertEqual(
            ["apps/monitoring/rules.yml: A has no action",
             "apps/monitoring/rules.yml: A has no test in apps/monitoring/rules_test.yml"],
            self.monitored(rules=whole),
        )

    def test_expressions_of_a_dashboard_are_found_wherever_they_stand(self):
        dashboard = {"expr": "a", "panels": [{"targets": [{"expr": "rate(b[$__rate_interval])"}]}]}
        self.assertEqual(["a", "rate(b[5m])"], list(monitoring.expressions(dashboard)))

    def test_arrows_of_the_architecture_are_allowed(self):
        self.assertEqual([], self.includes("engine/task/task.cc", '"engine/task/task.h"'))
        self.assertEqual([], self.includes("engine/task/task.cc", '"millrace/core/bytes.h"'))
        self.assertEqual([], self.includes("engine/task/task.cc", '"millrace/state/task_state.h"'))
        self.assertEqual([], self.includes("operators/map.cc", '"millrace/core/bytes.h"'))
        self.assertEqual([], self.includes("operators/crm/a.cc", '"account_generated.h"'))
        self.assertEqual([], self.includes("apps/a.cc", '"millrace/engine/engine.h"'))

    def test_engine_and_operators_do_not_include_each_other(self):
        self.assertEqual(
            ["engine/task/task.cc:1: engine must not include operators"],
            self.includes("engine/task/task.cc", '"millrace/operators/stream.h"'),
        )
        self.assertEqual(
            ["operators/map.cc:1: operators must not include engine"],
            self.includes("operators/map.cc", '"millrace/engine/engine.h"'),
        )

    def test_lower_layers_do_not_include_higher_ones(self):
        self.assertEqual(1, len(self.includes("engine/core/a.cc", '"engine/task/task.h"')))
        self.assertEqual(1, len(self.includes("state/a.cc", '"millrace/engine/engine.h"')))
        self.assertEqual(1, len(self.includes("operators/map.cc", '"operators/crm/model/ids.h"')))
        self.assertEqual(1, len(self.includes("operators/map.cc", '"account_generated.h"')))

    def test_rooms_include_only_lower_rooms(self):
        self.assertEqual([], self.includes("engine/loop/loop.cc", '"engine/task/task.h"'))
        self.assertEqual(
            ["engine/task/task.cc:1: engine/task must not include engine/loop, a higher room"],
            self.includes(
                "engine/task/task.cc", '"engine/loop/loop.h"', **{"engine/loop/loop.h": ""}
            ),
        )

    def test_files_above_the_rooms_are_no_part_of_them(self):
        crm = {"operators/crm/flow.h": "", "operators/crm/tables/a.h": ""}
        self.assertEqual([], self.includes("operators/crm/flow.cc", '"crm/tables/a.h"', **crm))
        self.assertEqual(
            ["operators/crm/tables/a.cc:1: operators/crm/tables must not include operators/crm,"
             " a higher room"],
            self.includes("operators/crm/tables/a.cc", '"crm/flow.h"', **crm),
        )

    def test_folders_beside_the_rooms_are_reported(self):
        names = ("engine/task/a.cc", "engine/core/a.cc", "engine/a.h", "schemas/x/a.h")
        fine = dict.fromkeys(names, "")
        self.assertEqual([], self.problems(layers.check, fine))
        self.assertEqual(
            ["engine/new: a folder that no list of rooms in tests/lint/layers.py names"],
            self.problems(layers.check, fine | {"engine/new/a.cc": "", "engine/new/b.cc": ""}),
        )

    def test_private_headers_stay_in_their_layer_and_out_of_public_ones(self):
        self.assertEqual(
            ["engine/task/task.cc:1: state/backend/backend.h is private to state"],
            self.includes("engine/task/task.cc", '"state/backend/backend.h"'),
        )
        self.assertEqual(
            ["state/include/millrace/state/x.h:1: a public header includes the private "
             "state/backend/backend.h"],
            self.includes("state/include/millrace/state/x.h", '"state/backend/backend.h"'),
        )

    def test_libraries_stay_where_they_belong(self):
        self.assertEqual([], self.includes("engine/kafka/consumer.cc", "<librdkafka/rdkafka.h>"))
        self.assertEqual([], self.includes("state/rocksdb/rocksdb_backend.cc", "<rocksdb/db.h>"))
        self.assertEqual([], self.includes("engine/base/scheduler.cc", "<tbb/task_arena.h>"))
        self.assertEqual(1, len(self.includes("engine/loop/loop.cc", "<librdkafka/rdkafka.h>")))
        self.assertEqual(1, len(self.includes("apps/a.cc", "<librdkafka/rdkafka.h>")))
        self.assertEqual(1, len(self.includes("state/buffer/commit_buffer.cc", "<rocksdb/db.h>")))
        self.assertEqual(1, len(self.includes("engine/loop/loop.cc", "<prometheus/counter.h>")))
        self.assertEqual(1, len(self.includes("engine/loop/loop.cc", "<oneapi/tbb/task_arena.h>")))

    def test_headers_do_not_reach_heavy_libraries(self):
        heavy = ("spdlog/spdlog.h", "boost/beast/http.hpp", "CLI/CLI.hpp", "nlohmann/json.hpp")
        for library in heavy:
            self.assertEqual(1, len(self.includes("engine/log.h", f"<{library}>")))
            self.assertEqual([], self.includes("engine/log.cc", f"<{library}>"))
        self.assertEqual([], self.includes("engine/log.h", "<spdlog/fwd.h>"))
        self.assertEqual([], self.includes("engine/log.h", "<nlohmann/json_fwd.hpp>"))

    def test_style_limits(self):
        fine = "#pragma once\nint f();\n"
        self.assertEqual([], self.problems(style.check, {"a/b.h": fine}))
        for name, text in {
            "a/Big.h": fine,
            "a/no_guard.h": "int f();\n",
            "a/tab.cc": "\tint x;\n",
            "a/wide.cc": "// " + "x" * 98 + "\n",
            "a/end.cc": "int x;",
            "a/space.cc": "int x; \n",
            "a/note.cc": "// TO" "DO: later\n",
            "a/long.cc": "int x;\n" * 501,
            "a/function.cc": "int f() {\n" + "  g();\n" * 70 + "}\n",
        }.items():
            with self.subTest(name):
                self.assertEqual(1, len(self.problems(style.check, {name: text})))

    def test_functions_are_found_in_classes_and_namespaces(self):
        text = (
            "namespace a {\n"  # 1
            "class B : public C<D> {\n"
            "  explicit B(int x) : x_{x} {\n    if (x) {\n    }\n  }\n"  # 3-6
            "  int x_{0};\n"
            "};\n"
            "template <class T>\n"  # 9
            "T f(const char* s = \"{\", char c = '}') {\n"
            "  return {};\n"
            "}\n"
            "constexpr int kTable[] = {\n  1,\n};\n"
            "const auto kRows = make({\n  1,\n});\n"
            "}  // namespace a {\n"
        )
        self.assertIn((9, 4), list(functions(text)))
        self.assertEqual(2, len([lines for _, lines in functions(text) if lines > 1]))

    def test_folders_and_classes_hold_a_few_things(self):
        crowd = {f"a/f{i}.cc": "" for i in range(20)} | {"a/f0.h": ""}
        self.assertEqual([], self.problems(shape.check, crowd))
        self.assertEqual(1, len(self.problems(shape.check, crowd | {"a/f20.cc": ""})))
        members = "".join(f"  std::map<int, X> m{i}_ = {{}};\n" for i in range(25))
        methods = "  void f() {\n    int x_;\n  }\n" * 5
        fine = "class C final : public B {\n" + methods + members + "};\n"
        self.assertEqual([], self.problems(shape.check, {"a/c.h": fine}))
        wide = fine.replace("};\n", "  int last_;\n};\n")
        self.assertEqual(1, len(self.problems(shape.check, {"a/c.h": wide})))
        record = wide.replace("class C ", "struct ColumnProfile ")
        self.assertEqual([], self.problems(shape.check, {"a/c.h": record}))

    def test_data_members_of_every_form_count(self):
        for members, body in (
            (1, "int plain;"),
            (1, "int a = f(1, 2);"),
            (2, "int a, b = 0;"),
            (1, "std::function<void()> call;"),
            (1, "std::function<void(int, std::map<int, X>)> call{f({}, 1)};"),
            (1, "int (*call)(int) = nullptr;"),
            (1, "alignas(64) mutable std::atomic<int> a_{0};"),
            (1, "[[no_unique_address]] T t;"),
            (1, "struct {\n    int b;\n  } a;"),
            (2, "struct B {\n    int c;\n  };\n  B a;\n  B b{.c = 1};"),
            (1, "void f() {\n    int b;\n  }\n  int a;"),
            (1, "Operator operator_;"),
            (0, "C() : b{1}, c{2} {}\n  void f();\n  int g() const { return 1; }"),
            (0, "struct B;\n  class D final : public C {\n  };\n  using E = int;"),
            (0, "static constexpr int kA = 1;\n  friend class B;\n  enum class F { kA, kB };"),
            (0, "bool operator==(const C&) const = default;\n  template <class T> T f(T);"),
        ):
            text = "struct C {\n public:\n  " + body + "\n};\n"
            with self.subTest(body):
                found = {name: count for _, name, count in classes(text)}
                self.assertEqual(members, found["C"])

    def test_public_headers_are_installed(self):
        header = {"a/include/millrace/a/x.h": ""}
        listed = {"a/CMakeLists.txt": "target_sources(a FILES include/millrace/a/x.h)\n"}
        self.assertEqual([], self.problems(shape.check, header | listed))
        self.assertEqual(1, len(self.problems(shape.check, header)))

    def test_readmes_are_everywhere_and_their_paths_exist(self):
        files = {
            "README.md": "`a/x.cc`, `b.c/d`, `GET /v1/x`, `./a`, [a](a/README.md), `at/least`\n",
            "a/README.md": "`x.cc`, `../README.md`, `y.h`\n",
            "a/x.cc": "",
            "a/include/millrace/a/y.h": "",
            "a/golden/1.json": "",
        }
        self.assertEqual([], self.problems(readmes.check, files))
        self.assertEqual(
            ["b: no README.md", "README.md:1: `a/gone.cc` does not exist"],
            self.problems(readmes.check, {"README.md": "`a/gone.cc`\n", "b/x.cc": ""}),
        )

    def test_prose_names_the_thing(self):
        said = {
            "README.md": "The loop. What it does is plain.\n",
            "a/a.h": "/// What a task has.\nint a;  ///< whose it is\n",
            "a/b.cc": "// The node is\n// told that the table was made\n//   anew.\nint x;\n",
            "a/c.sh": "run  # a loop that goes on\n",
            "a/d.py": 'def f():\n    """A row\n    is as one that is not there."""\n',
            "a/DESIGN.md": "A log that began anew.\n",
            "a/e.fbs": "/// What a row has.\ntable Row {}\n",
            "a/CMakeLists.txt": "# g++'s list. What it has\nadd_library(a)\n",
        }
        self.assertEqual(
            ["README.md:1", "a/CMakeLists.txt:1", "a/DESIGN.md:1", "a/a.h:1", "a/a.h:2", "a/b.cc:1",
             "a/b.cc:2", "a/c.sh:1", "a/d.py:3", "a/e.fbs:1"],
            self.places(prose.check, said),
        )

    def test_prose_of_messages_names_the_thing(self):
        said = {
            "a/a.cc": 'f("first\\nWhat follows", "the reason is "\n  "told");\n'
            'g(R"x(one\ngoes on)x", "What now");\n',
            "a/b.sh": "# it's said\ncat <<'TEXT'\nThe faults\ngo on.\nTEXT\nsay 'What now'\n",
            "a/c.py": 'fail("it is told")\n',
            "a/d.cmake": 'message("it goes on")\n',
        }
        self.assertEqual(
            ["a/a.cc:1", "a/a.cc:1", "a/a.cc:4", "a/a.cc:4", "a/b.sh:4", "a/b.sh:6", "a/c.py:1",
             "a/d.cmake:1"],
            self.places(prose.check, said),
        )

    def test_prose_leaves_code_and_quotations_alone(self):
        quiet = {
            "README.md": "`is told` says what, as in \"What now?\"\n```\nWhat is told\n```\n",
            "a/a.cc": "bool goes, on;  // one\nint told = is + told;\n",
            "a/b.sh": "What is told <<<What\necho ${#goes} on\n",
            "a/c.py": "goes = on\n",
            "a/CMakeLists.txt": "set(What is told)\n",
            "tests/lint/prose.py": 'PHRASES = "is told"\n',
        }
        self.assertEqual([], self.problems(prose.check, quiet))

    def run_format(self):
        check = pathlib.Path(__file__).with_name("check_source.py")
        command = [sys.executable, "-B", check, "--root", self.root, "format"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_the_same_function_body_in_two_product_files_is_found(self):
        body = 'int x = f("{");\n  for (;;) g(x);\n  return;'
        comment = "  // of the other file\n"
        one = "void a() {\n  " + body + "\n}\n"
        other = "class C {\n  void b(int i) const {\n" + comment + body + "}\n};\n"
        self.assertEqual(
            ["engine/b.h:2: the same function body as engine/a.cc:1: share one"],
            self.problems(duplicates.check, {"engine/a.cc": one, "engine/b.h": other}),
        )
        self.assertEqual([], self.problems(duplicates.check, {"engine/a.cc": one + one}))
        self.assertEqual(
            [], self.problems(duplicates.check, {"engine/a.cc": one, "tests/a.cc": one})
        )
        for changed in (body.replace('"{"', '"}"'), body.replace("return;", "")):
            self.assertEqual(
                [],
                self.problems(
                    duplicates.check,
                    {"engine/a.cc": "void a() {" + changed + "}\n", "state/b.cc": one},
                ),
            )

    def test_short_function_bodies_may_be_alike(self):
        short = "void a() {\n  f();\n  for (int i = 0; i < 9; ++i) g();\n}\n"
        files = {"engine/a.cc": short, "state/b.cc": short}
        self.assertEqual([], self.problems(duplicates.check, files))

    def test_the_local_broker_stays_stock(self):
        script = "apps/kafka/local_kafka.sh"
        fine = "log.retention.ms=1\ncat >\"$home/server.properties\" <<TEXT\nnode.id=$k\n"
        fine += "${settings}log.dirs=$home/data\n"
        end = "# log.cleaner.enable=false\nTEXT\nmessage.max.bytes=1\n"
        self.assertEqual([], self.problems(stock.check, {script: fine + end}))
        for key in (
            "log.retention.ms", "log.dirs.more", "log.segment.bytes", "message.max.bytes",
            "offsets.retention.minutes", "log.cleaner.enable", "log.message.timestamp.type",
        ):
            with self.subTest(key):
                self.assertEqual(
                    [f"{script}:5: {key} is no stock setting: set it for a topic"],
                    self.problems(stock.check, {script: f"{fine}{key}=1\n{end}"}),
                )
        self.assertEqual(1, len(self.problems(stock.check, {script: "echo none\n"})))

    def test_a_check_without_its_tool_is_skipped_plainly(self):
        (self.root / "a.cc").write_text("int x;\n", encoding="utf-8")
        result = self.run_format()
        self.assertEqual(wheels.SKIPPED, result.returncode)
        self.assertIn("format skipped: no clang-format", result.stdout)

    def test_a_tool_that_finds_something_or_fails_is_a_problem(self):
        (self.root / "a.cc").write_text("int x;\n", encoding="utf-8")
        tool = self.root / ".local" / "lint" / "bin" / "clang-format"
        tool.parent.mkdir(parents=True)
        for says, expected in {
            "a.cc:1:4: error: code should be clang-formatted": "a.cc: not formatted",
            "no such option": "clang-format failed: no such option",
        }.items():
            tool.write_text(f"#!/bin/sh\necho '{says}'\nexit 1\n", encoding="utf-8")
            tool.chmod(0o755)
            with self.subTest(says):
                result = self.run_format()
                self.assertEqual(1, result.returncode)
                self.assertIn(expected, result.stdout)

    def test_clang_tidy_reads_the_sources_of_a_unity_one_by_one(self):
        unity = self.root / "engine" / "Unity" / "unity_0_cxx.cxx"
        unity.parent.mkdir(parents=True)
        unity.write_text('/* made */\n\n#include "/a/x.cc"\n\n#include "/a/y.cc"\n')
        entries = [
            {"directory": "/b", "file": str(unity), "command": f"g++ -c {unity}"},
            {"directory": "/b", "file": "/a/z.cc", "command": "g++ -c /a/z.cc"},
        ]
        (self.root / "compile_commands.json").write_text(json.dumps(entries))
        self.assertEqual(
            [("/a/x.cc", "g++ -c /a/x.cc"), ("/a/y.cc", "g++ -c /a/y.cc"),
             ("/a/z.cc", "g++ -c /a/z.cc")],
            [(e["file"], e["command"]) for e in check_tidy.compile_commands(self.root)],
        )


if __name__ == "__main__":
    unittest.main()
