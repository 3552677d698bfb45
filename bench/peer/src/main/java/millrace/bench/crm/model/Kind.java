package millrace.bench.crm.model;

import java.util.Map;
import java.util.Set;
import millrace.crm.GrantSourceKind;

/** Kinds of records with the fields that apps/data/synthetic_mapping.json maps. */
public enum Kind {
  ACCOUNT("Account", "account", "001", -1, Map.ofEntries(
      Map.entry("Name", "name"), Map.entry("Industry", "industry"), Map.entry("Rating", "rating"),
      Map.entry("NumberOfEmployees", "employees"), Map.entry("AnnualRevenue", "revenue"),
      Map.entry("Phone", "phone"), Map.entry("BillingAddress.Street", "street"),
      Map.entry("BillingAddress.City", "city"),
      Map.entry("BillingAddress.PostalCode", "postal_code"),
      Map.entry("BillingAddress.Country", "country"), Map.entry("TimeZone__c", "time_zone"),
      Map.entry("Description", "description")), Set.of()),
  CONTACT("Contact", "contact", "003", -1, Map.of("AccountId", "account_id",
      "FirstName", "first_name", "LastName", "last_name", "Email", "email", "Title", "title",
      "Description", "description"), Set.of()),
  OPPORTUNITY("Opportunity", "opportunity", "006", -1, Map.of("AccountId", "account_id",
      "Name", "name", "StageName", "stage", "Amount", "amount", "CloseDate", "close_date",
      "Description", "description"), Set.of()),
  CONTRACT("Contract", "contract", "800", GrantSourceKind.Contract, Map.of(
      "AccountId", "account_id", "Status", "status", "StartDate", "start_date",
      "EndDate", "end_date", "Terminated__c", "terminated_date",
      "SuspendedFrom__c", "suspended_from_date", "SuspendedTo__c", "suspended_to_date",
      "Description", "description"), Set.of()),
  CONTRACT_LINE("ContractLineItem", "contract_line", "811", GrantSourceKind.ContractLine, Map.of(
      "Account__c", "account_id", "ServiceContractId", "contract_id",
      "Product2Code__c", "product", "Quantity", "quantity", "StartDate", "start_date",
      "EndDate", "end_date", "Description", "description"), Set.of("contract_id")),
  SUBSCRIPTION("SBQQ__Subscription__c", "subscription", "a0S", GrantSourceKind.Subscription,
      Map.of("SBQQ__Account__c", "account_id", "SBQQ__Contract__c", "contract_id",
          "SBQQ__ProductCode__c", "product", "SBQQ__Quantity__c", "quantity",
          "SBQQ__StartDate__c", "start_date", "SBQQ__EndDate__c", "end_date",
          "Status__c", "status", "SuspendedFrom__c", "suspended_from_date",
          "SuspendedTo__c", "suspended_to_date", "Description__c", "description"),
      Set.of("contract_id")),
  ASSET("Asset", "asset", "02i", GrantSourceKind.Asset, Map.of("AccountId", "account_id",
      "ProductCode", "product", "Quantity", "quantity", "InstallDate", "start_date",
      "UsageEndDate", "end_date", "Status", "status", "Description", "description"), Set.of()),
  ENTITLEMENT("Entitlement", "entitlement", "550", GrantSourceKind.Entitlement, Map.ofEntries(
      Map.entry("AccountId", "account_id"), Map.entry("AssetId", "asset_id"),
      Map.entry("Status", "status"), Map.entry("Feature__c", "feature"),
      Map.entry("FeatureKind__c", "feature_kind"), Map.entry("Amount__c", "amount"),
      Map.entry("FeatureText__c", "feature_text"), Map.entry("GraceDays__c", "grace_days"),
      Map.entry("StartDate", "start_date"), Map.entry("EndDate", "end_date"),
      Map.entry("Description__c", "description")), Set.of("asset_id"));

  public static final Kind[] ALL = values();
  /** Kinds under accounts. */
  public static final int CHILDREN = ALL.length - 1;

  public final String entity;
  public final String text;
  public final String prefix;
  public final int grantKind;
  private final Map<String, String> fields;
  private final Set<String> references;

  Kind(String entity, String text, String prefix, int grantKind, Map<String, String> fields,
      Set<String> references) {
    this.entity = entity;
    this.text = text;
    this.prefix = prefix;
    this.grantKind = grantKind;
    this.fields = fields;
    this.references = references;
  }

  public boolean grants() {
    return grantKind >= 0;
  }

  /** Its place among the counts of children. */
  public int child() {
    return ordinal() - 1;
  }

  /** Our name of a field; null: the mapping drops it. */
  public String field(String source) {
    String name = fields.get(source);
    return name != null || this == CONTACT ? name : source;
  }

  public boolean isReference(String name) {
    return name.equals("account_id") || references.contains(name);
  }

  public static Kind ofEntity(String entity) {
    for (Kind kind : ALL) {
      if (kind.entity.equals(entity)) {
        return kind;
      }
    }
    throw new IllegalArgumentException("unknown entity " + entity);
  }

  public static Kind ofId(byte[] bytes, int from) {
    for (Kind kind : ALL) {
      String prefix = kind.prefix;
      if (bytes[from] == prefix.charAt(0) && bytes[from + 1] == prefix.charAt(1)
          && bytes[from + 2] == prefix.charAt(2)) {
        return kind;
      }
    }
    throw new IllegalArgumentException("unknown kind of " + Names.text(bytes, from, 3));
  }
}
