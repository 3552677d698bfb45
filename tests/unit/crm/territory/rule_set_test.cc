#include "crm/territory/rules/rule_set.h"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crm/territory/rules/assignment.h"
#include "crm/territory/rules/boolean_filter.h"
#include "crm/territory/rules/field_value.h"
#include "crm/territory/rules/interval_index.h"
#include "crm/territory/rules/matcher.h"
#include "crm/territory/rules/predicate.h"

namespace millrace::crm::territory::rule_set_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<FilterTerm> terms(std::string_view text, size_t items) {
  const auto parsed = parse_filter(text, items);
  EXPECT_TRUE(parsed.ok()) << parsed.message();
  return *parsed;
}
std::string filter_error(std::string_view text, size_t items) {
  const auto parsed = parse_filter(text, items);
  EXPECT_FALSE(parsed.ok()) << text;
  return parsed.ok() ? "" : parsed.message();
}

TEST(BooleanFilter, BecomesTermsOfItems) {
  EXPECT_THAT(terms("(1 AND 2) OR 3", 3), ElementsAre(0b011u, 0b100u));
  EXPECT_THAT(terms("1 and (2 or 3)", 3), ElementsAre(0b011u, 0b101u));
  EXPECT_THAT(terms("", 3), ElementsAre(0b111u));
  EXPECT_THAT(terms("((2))", 3), ElementsAre(0b010u));
}

TEST(BooleanFilter, DropsTermsThatDecideNothing) {
  EXPECT_THAT(terms("1 OR (1 AND 2)", 2), ElementsAre(0b01u));
  EXPECT_THAT(terms("(1 OR 2) AND (1 OR 2)", 2), ElementsAre(0b01u, 0b10u));
}

TEST(BooleanFilter, NamesThePositionOfWhatIsWrong) {
  EXPECT_THAT(filter_error("1 AND OR 2", 2), HasSubstr("column 7"));
  EXPECT_THAT(filter_error("1 AND 2 OR 3", 3), HasSubstr("column 9: AND and OR side by side"));
  EXPECT_THAT(filter_error("(1 AND 2", 2), HasSubstr("column 9"));
  EXPECT_THAT(filter_error("1 2", 2), HasSubstr("column 3"));
  EXPECT_THAT(filter_error("3", 2), HasSubstr("no such item"));
  EXPECT_THAT(filter_error("0", 2), HasSubstr("no such item"));
  EXPECT_THAT(filter_error("99999999999999999999999", 2), HasSubstr("no such item"));
  EXPECT_THAT(filter_error("1 & 2", 2), HasSubstr("column 3"));
  EXPECT_THAT(filter_error("NOT 1", 2), HasSubstr("column 1"));
}

TEST(BooleanFilter, IsBounded) {
  EXPECT_THAT(filter_error(std::string(40, '(') + "1" + std::string(40, ')'), 1),
              HasSubstr("too deep"));
  EXPECT_THAT(filter_error(std::string(5000, ' ') + "1", 1), HasSubstr("bytes"));
  EXPECT_THAT(filter_error("1", 33), HasSubstr("items"));
  std::string product = "(1 OR 2)";
  for (int i = 3; i < 32; i += 2) {
    product += " AND (" + std::to_string(i) + " OR " + std::to_string(i + 1) + ")";
  }
  EXPECT_THAT(filter_error(product, 32), HasSubstr("256 terms"));
}

TEST(ValueList, SplitsAtCommasOutsideQuotes) {
  EXPECT_THAT(*split_list(R"( a b , "c, d",, "e ""f""" )"), ElementsAre("a b", "c, d", "e \"f\""));
  EXPECT_THAT(*split_list("  "), IsEmpty());
  EXPECT_FALSE(split_list("\"a").ok());
  EXPECT_FALSE(split_list("\"a\" b").ok());
}

bool asks(RuleOperator op, std::string_view values, std::string_view have,
          FieldType type = FieldType::Undeclared) {
  const auto predicate = read_predicate(op, values, type);
  EXPECT_TRUE(predicate.ok());
  FieldValue value;
  read_value(have, type, value);
  return predicate->matches(have.empty() ? nullptr : &value);
}

TEST(Predicate, UndeclaredNumbersAndTextsNeverMix) {
  EXPECT_TRUE(asks(RuleOperator::LessThan, "10", "9"));
  EXPECT_TRUE(asks(RuleOperator::LessThan, "b", "a"));
  EXPECT_FALSE(asks(RuleOperator::LessThan, "a", "9"));
  for (const char* text : {"$1000000", "1,000,000", "05", "5.0", "NaN", "1e9"}) {
    EXPECT_FALSE(asks(RuleOperator::GreaterThan, "2", text)) << text;
    EXPECT_FALSE(asks(RuleOperator::LessThan, "2", text)) << text;
  }
  EXPECT_FALSE(asks(RuleOperator::Equals, "01067", "1067"));
  EXPECT_FALSE(asks(RuleOperator::Equals, "100", "100.0"));
  EXPECT_TRUE(asks(RuleOperator::Equals, "01067", "01067"));
  EXPECT_FALSE(asks(RuleOperator::LessThan, "10", "9", FieldType::Text));
  EXPECT_FALSE(asks(RuleOperator::LessThan, "10", "abc", FieldType::Decimal));
  EXPECT_FALSE(read_predicate(RuleOperator::LessThan, "abc", FieldType::Decimal).ok());
}

TEST(Predicate, DeclaredTypesHaveOneFormAndOneOrder) {
  EXPECT_TRUE(asks(RuleOperator::Equals, "100", "100.0", FieldType::Decimal));
  EXPECT_TRUE(asks(RuleOperator::Equals, "1e3", "1000", FieldType::Decimal));
  EXPECT_TRUE(asks(RuleOperator::LessThan, "20301231", "2030-12-30", FieldType::Date));
  EXPECT_TRUE(asks(RuleOperator::GreaterThan, "9999-12-31", "infinity", FieldType::Date));
  EXPECT_TRUE(asks(RuleOperator::Equals, "2030-12-31T02:00:00+02:00", "2030-12-31T00:00:00Z",
                   FieldType::Moment));
  EXPECT_TRUE(asks(RuleOperator::Equals, "yes", "true", FieldType::Boolean));
  EXPECT_TRUE(asks(RuleOperator::Includes, "b", R"(["A","B"])", FieldType::List));
  EXPECT_FALSE(read_predicate(RuleOperator::LessThan, "soon", FieldType::Date).ok());
}

TEST(Predicate, NumbersOfManyDigitsAreExact) {
  EXPECT_TRUE(asks(RuleOperator::GreaterThan, "200", "1099.989990234375"));
  EXPECT_TRUE(asks(RuleOperator::GreaterThan, "12345678901234567890", "12345678901234567891"));
  EXPECT_FALSE(asks(RuleOperator::LessOrEqual, "12345678901234567890", "12345678901234567891"));
}

TEST(Predicate, IdsAndExponentsAreNoNumbers) {
  EXPECT_FALSE(asks(RuleOperator::Equals, "12345678901234567", "12345678901234568"));
  EXPECT_FALSE(asks(RuleOperator::Equals, "1e3", "1000"));
  EXPECT_FALSE(asks(RuleOperator::Equals, "inf", "infinity"));
}

TEST(Predicate, PostalCodesAreText) {
  const FieldTypes types;
  EXPECT_EQ(types.of("BillingPostalCode"), FieldType::Text);
  EXPECT_EQ(types.of("ShippingAddress.PostalCode"), FieldType::Text);
  EXPECT_EQ(types.of("Revenue"), FieldType::Undeclared);
  EXPECT_FALSE(asks(RuleOperator::Equals, "01234", "1234", FieldType::Text));
}

TEST(Predicate, IgnoresCaseInEveryScript) {
  EXPECT_TRUE(asks(RuleOperator::Equals, "MÜNCHEN", "münchen"));
  EXPECT_TRUE(asks(RuleOperator::Equals, "STRASSE", "straße"));
  EXPECT_TRUE(asks(RuleOperator::Contains, "ΑΘΉΝΑ", "η αθήνα"));
}

TEST(Predicate, NullMatchesOnlyDenialsAndTheQuestionForNull) {
  EXPECT_TRUE(asks(RuleOperator::NotEqual, "a", ""));
  EXPECT_TRUE(asks(RuleOperator::NotContain, "a", ""));
  EXPECT_TRUE(asks(RuleOperator::Excludes, "a", ""));
  EXPECT_TRUE(asks(RuleOperator::Equals, "", ""));
  EXPECT_FALSE(asks(RuleOperator::NotEqual, "", ""));
  EXPECT_FALSE(asks(RuleOperator::Equals, "a", ""));
  EXPECT_FALSE(asks(RuleOperator::LessThan, "a", ""));
  EXPECT_TRUE(asks(RuleOperator::NotEqual, "", "a"));
  EXPECT_FALSE(read_predicate(RuleOperator::Contains, " , ", FieldType::Text).ok());
}

TEST(Predicate, ListsMeanAnyAndForDenialsNone) {
  EXPECT_TRUE(asks(RuleOperator::StartsWith, "940, 941", "94105", FieldType::Text));
  EXPECT_FALSE(asks(RuleOperator::NotEqual, "us, ca", "CA"));
  EXPECT_TRUE(asks(RuleOperator::Includes, "x, b", "A; B ;c"));
  EXPECT_FALSE(asks(RuleOperator::Includes, "x, ab", "A;B"));
  EXPECT_FALSE(asks(RuleOperator::Excludes, "b", "A;B"));
}

TEST(IntervalIndex, FindsExactlyTheIntervalsAroundAPoint) {
  IntervalIndex<int> index;
  std::vector<IntervalIndex<int>::Interval> all;
  for (uint32_t i = 0; i < 300; ++i) {
    const int low = static_cast<int>(i * 37 % 100);
    IntervalIndex<int>::Interval interval{low, low + static_cast<int>(i % 17), i};
    if (i % 11 == 0) interval.low.reset();
    if (i % 13 == 0) interval.high.reset();
    all.push_back(interval);
    index.add(interval);
  }
  for (uint32_t i = 0; i < 300; i += 3) index.remove(all[i]);
  for (int point = -5; point < 130; ++point) {
    std::vector<uint32_t> found;
    index.at(point, [&found](uint32_t payload) { found.push_back(payload); });
    std::vector<uint32_t> expected;
    for (uint32_t i = 0; i < 300; ++i) {
      const bool holds =
          (!all[i].low || *all[i].low <= point) && (!all[i].high || point <= *all[i].high);
      if (i % 3 != 0 && holds) expected.push_back(i);
    }
    std::ranges::sort(found);
    EXPECT_EQ(found, expected) << point;
  }
}

class RuleSetTest : public ::testing::Test {
 protected:
  RuleSetTest() {
    rules_.apply(std::vector<RuleSetChange>{
        ModelDefinition{"s:m", true, 1}, TerritoryDefinition{"s:world", "s:m"},
        TerritoryDefinition{"s:us", "s:m", "s:world"}, TerritoryDefinition{"s:ca", "s:m", "s:us"},
        TerritoryDefinition{"s:named", "s:m", "s:world"}});
    rule("s:is-us", {{"Country", RuleOperator::Equals, "US, USA"}});
    rule("s:is-ca", {{"State", RuleOperator::Equals, "CA"}});
    rule("s:is-big", {{"Revenue", RuleOperator::GreaterOrEqual, "1000000"}});
    associate("s:1", "s:is-us", "s:us", true);
    associate("s:2", "s:is-ca", "s:ca", false);
    associate("s:3", "s:is-big", "s:named", false);
  }

  RuleSetOutcome apply(RuleSetChange change) { return rules_.apply({&change, 1}); }
  RuleSetOutcome rule(const std::string& id, std::vector<ItemDefinition> items) {
    return apply(RuleDefinition{.id = id, .items = std::move(items)});
  }
  void associate(const std::string& id, const std::string& rule, const std::string& territory,
                 bool inherited) {
    apply(AssociationDefinition{id, rule, territory, inherited});
  }
  std::vector<std::string> match(const std::map<std::string, std::string>& account,
                                 const std::vector<std::string>& excluded = {}) {
    std::vector<AccountField> fields;
    for (const auto& [name, value] : account) fields.push_back({name, value});
    std::vector<std::string> ids;
    for (const TerritoryIndex index : matcher_.match(fields, excluded)) {
      ids.push_back(rules_.territories().id(index));
    }
    return ids;
  }

  RuleSet rules_;
  Matcher matcher_{rules_};
};

TEST_F(RuleSetTest, LowestOfABranchGetsTheAccountAndSeparateBranchesEach) {
  EXPECT_THAT(match({{"Country", "us"}, {"State", "NY"}}), ElementsAre("s:us"));
  EXPECT_THAT(match({{"Country", "us"}, {"State", "CA"}}), ElementsAre("s:ca"));
  EXPECT_THAT(match({{"Country", "de"}, {"State", "CA"}}), IsEmpty());
  EXPECT_THAT(match({{"Country", "USA"}, {"State", "ca"}, {"Revenue", "2000000"}}),
              ElementsAre("s:ca", "s:named"));
}

TEST_F(RuleSetTest, ExcludedTerritoryLeavesTheAccountToTheOneAbove) {
  EXPECT_THAT(match({{"Country", "us"}, {"State", "CA"}}, {"s:ca"}), ElementsAre("s:us"));
}

TEST_F(RuleSetTest, ManualAssociationsSurviveRulesAndExclusionsWin) {
  const auto by_rules = [&] { return matcher_.match(std::vector<AccountField>{{"State", "NY"}}); };
  const PersonalChoices choices{.manual = {"s:ca", "s:gone", "s:named"}, .excluded = {"s:named"}};
  EXPECT_THAT(assignments(rules_, by_rules(), choices),
              ElementsAre(Assignment{.territory = "s:ca", .manual = true}));
}

TEST_F(RuleSetTest, AssignmentSaysWhichRulesItIsBy) {
  const std::vector<AccountField> fields{{"Country", "US"}, {"State", "CA"}};
  EXPECT_THAT(assignments(rules_, matcher_.match(fields), {.manual = {"s:ca"}}),
              ElementsAre(Assignment{"s:ca", {"s:is-ca", "s:is-us"}, true}));
}

TEST_F(RuleSetTest, RuleThatMakesNoSenseMatchesNobodyAndIsReported) {
  const RuleSetOutcome outcome = apply(RuleDefinition{
      .id = "s:is-ca", .filter = "1 AND", .items = {{"State", RuleOperator::Equals, "CA"}}});
  ASSERT_EQ(outcome.problems.size(), 1u);
  EXPECT_THAT(outcome.problems[0].message, HasSubstr("column 6"));
  EXPECT_THAT(match({{"Country", "us"}, {"State", "CA"}}), ElementsAre("s:us"));
}

TEST_F(RuleSetTest, TerritoryWithoutRulesTakesNobody) {
  apply(Removal{DefinitionKind::kAssociation, "s:3"});
  EXPECT_THAT(match({{"Revenue", "2000000"}}), IsEmpty());
}

TEST_F(RuleSetTest, CycleTakesNobodyUntilItIsBroken) {
  apply(TerritoryDefinition{"s:us", "s:m", "s:ca"});
  EXPECT_THAT(match({{"Country", "us"}, {"State", "CA"}}), IsEmpty());
  apply(TerritoryDefinition{"s:us", "s:m"});
  EXPECT_THAT(match({{"Country", "us"}, {"State", "CA"}}), ElementsAre("s:ca"));
}

TEST_F(RuleSetTest, ModelActivatedLastCounts) {
  apply(TerritoryDefinition{"s:new", "s:m2"});
  associate("s:4", "s:is-us", "s:new", false);
  EXPECT_TRUE(apply(ModelDefinition{"s:m2", true, 2}).affected.all);
  EXPECT_THAT(match({{"Country", "us"}}), ElementsAre("s:new"));
  apply(ModelDefinition{"s:m2", false, 2});
  EXPECT_THAT(match({{"Country", "us"}}), ElementsAre("s:us"));
}

TEST_F(RuleSetTest, OnlyRulesThatMentionChangedFieldsAreTried) {
  const std::vector<AccountField> fields{{"Country", "us"}, {"State", "CA"}, {"Name", "x"}};
  const auto answer = matcher_.match(fields);
  const std::vector<TerritoryIndex> before(answer.begin(), answer.end());
  EXPECT_EQ(matcher_.match_changed(fields, std::vector<std::string_view>{"Name"}, before).size(),
            1u);
  EXPECT_EQ(matcher_.rules_tried(), 0u);
  EXPECT_EQ(matcher_.match_changed(fields, std::vector<std::string_view>{"State"}, before).size(),
            1u);
  EXPECT_GT(matcher_.rules_tried(), 0u);
}

TEST_F(RuleSetTest, ChangeOfARuleAffectsThoseItMatchedAndThoseItMatches) {
  const RuleSetOutcome outcome = rule("s:is-ca", {{"State", RuleOperator::Equals, "NV"}});
  EXPECT_FALSE(outcome.affected.all);
  std::vector<std::string> states;
  for (const auto& where : outcome.affected.keys) {
    if (where.field == "State") states.push_back(*where.key.low_text);
  }
  EXPECT_THAT(states, ::testing::IsSupersetOf({"ca", "nv"}));
}

TEST_F(RuleSetTest, ChangeOfARuleThatNoIndexFindsConcernsWhoMeetsItsTerritorysKey) {
  const ItemDefinition corporation{"Name", RuleOperator::Contains, "corp"};
  for (const char* const id : {"s:x", "s:y", "s:is-ca"}) rule(id, {corporation});
  const RuleSetOutcome outcome =
      apply(RuleDefinition{.id = "s:is-ca",
                           .filter = "1 OR 2",
                           .items = {corporation, {"State", RuleOperator::Equals, "NV"}}});
  EXPECT_FALSE(outcome.affected.all);
  EXPECT_FALSE(outcome.affected.keys.empty());
  for (const auto& where : outcome.affected.keys) EXPECT_EQ(where.field, "Country");
  EXPECT_THAT(match({{"Country", "us"}, {"State", "NV"}}), ElementsAre("s:ca"));
}

}  // namespace millrace::crm::territory::rule_set_test
