package millrace.bench.crm.model;

import com.google.flatbuffers.FlatBufferBuilder;
import java.time.LocalDate;
import millrace.crm.FeatureKind;
import millrace.crm.FeatureTerm;
import millrace.crm.GrantSource;
import millrace.crm.GrantSourceStatus;
import millrace.crm.Period;
import millrace.crm.Precedence;

/** A record's fields that grant something, as its row sends them to its root (grant_source.fbs). */
public final class Grants {
  private static final String[] FIELDS = {"status", "start_date", "end_date", "terminated_date",
      "suspended_from_date", "suspended_to_date", "contract_id", "asset_id", "quantity", "product",
      "feature", "feature_kind", "amount", "feature_text", "grace_days"};

  private Grants() {}

  public static byte[] of(Row row, Kind kind, FlatBufferBuilder builder) {
    builder.clear();
    Stamp newest = null;
    for (String name : FIELDS) {
      Row.Field field = row.find(name);
      if (field != null) {
        newest = Stamp.newest(newest, field.stamp);
      }
    }
    int id = builder.createString("sf:" + kind.text + "/" + row.id);
    int version = (newest == null ? new Stamp(0, 0, "") : newest).write(builder);
    int period = period(builder, row.text("start_date"), row.text("end_date"));
    int suspension =
        period(builder, row.text("suspended_from_date"), row.text("suspended_to_date"));
    int suspensions = suspension == 0 ? 0
        : GrantSource.createSuspensionsVector(builder, new int[] {suspension});
    String container = row.text("contract_id") != null ? row.text("contract_id")
        : row.text("asset_id");
    int within = container == null ? 0
        : GrantSource.createWithinVector(builder, new int[] {builder.createString(container)});
    int product = row.text("product") == null ? 0 : builder.createString(row.text("product"));
    int terms = terms(row, builder);
    GrantSource.startGrantSource(builder);
    GrantSource.addId(builder, id);
    GrantSource.addKind(builder, (byte) kind.grantKind);
    GrantSource.addStatus(builder, status(row.text("status")));
    GrantSource.addPrecedence(builder, Precedence.BySource);
    GrantSource.addVersion(builder, version);
    GrantSource.addPeriod(builder, period);
    GrantSource.addSuspensions(builder, suspensions);
    GrantSource.addWithin(builder, within);
    // flatc's code leaves out a zero even where a missing value means another one.
    builder.forceDefaults(true);
    if (row.text("terminated_date") != null) {
      GrantSource.addTerminatedDate(builder, day(row.text("terminated_date")));
    }
    if (row.text("quantity") != null) {
      GrantSource.addQuantity(builder, Long.parseLong(row.text("quantity")));
    }
    builder.forceDefaults(false);
    GrantSource.addProduct(builder, product);
    GrantSource.addTerms(builder, terms);
    builder.finish(GrantSource.endGrantSource(builder));
    return builder.sizedByteArray();
  }

  private static int period(FlatBufferBuilder builder, String first, String last) {
    if (first == null && last == null) {
      return 0;
    }
    Period.startPeriod(builder);
    builder.forceDefaults(true);
    if (first != null) {
      Period.addStartDate(builder, day(first));
    }
    if (last != null) {
      Period.addEndDate(builder, day(last));
    }
    builder.forceDefaults(false);
    return Period.endPeriod(builder);
  }

  private static int terms(Row row, FlatBufferBuilder builder) {
    String feature = row.text("feature");
    if (feature == null) {
      return 0;
    }
    int name = builder.createString(feature);
    int text = row.text("feature_text") == null ? 0
        : builder.createString(row.text("feature_text"));
    FeatureTerm.startFeatureTerm(builder);
    FeatureTerm.addFeature(builder, name);
    FeatureTerm.addKind(builder, featureKind(row.text("feature_kind")));
    FeatureTerm.addAmount(builder, row.text("amount") == null ? 1
        : Long.parseLong(row.text("amount")));
    FeatureTerm.addText(builder, text);
    FeatureTerm.addGraceDays(builder, row.text("grace_days") == null ? 0
        : Integer.parseInt(row.text("grace_days")));
    return GrantSource.createTermsVector(builder, new int[] {FeatureTerm.endFeatureTerm(builder)});
  }

  private static byte status(String text) {
    return switch (text == null ? "" : text) {
      case "Draft" -> GrantSourceStatus.Draft;
      case "On Hold" -> GrantSourceStatus.Suspended;
      case "Cancelled" -> GrantSourceStatus.Cancelled;
      default -> GrantSourceStatus.Active;
    };
  }

  private static byte featureKind(String text) {
    return switch (text == null ? "boolean" : text) {
      case "quantity_sum" -> FeatureKind.QuantitySum;
      case "quantity_max" -> FeatureKind.QuantityMax;
      case "tier" -> FeatureKind.Tier;
      case "config" -> FeatureKind.Config;
      case "metered" -> FeatureKind.Metered;
      case "per_incident" -> FeatureKind.PerIncident;
      default -> FeatureKind.Boolean;
    };
  }

  /** Days since 1970-01-01 of {@code 2025-03-31}. */
  private static int day(String date) {
    return (int) LocalDate.of(Integer.parseInt(date, 0, 4, 10), Integer.parseInt(date, 5, 7, 10),
        Integer.parseInt(date, 8, 10, 10)).toEpochDay();
  }
}
