package millrace.bench.crm;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import millrace.bench.crm.model.Names;
import millrace.bench.crm.model.Row;
import millrace.bench.crm.model.RuleSet;
import millrace.bench.crm.model.Stamp;
import millrace.bench.crm.model.Timeline;
import millrace.crm.AccountState;
import millrace.crm.AccountTerritory;
import millrace.crm.ChildCounts;
import millrace.crm.EntitlementSegment;
import millrace.crm.EntitlementShare;
import millrace.crm.FeatureEntitlement;
import millrace.crm.GoldenField;
import millrace.crm.Member;

/** Writes the rows of the outputs; one for each task. */
final class Rows {
  private final FlatBufferBuilder builder = new FlatBufferBuilder(4096);

  /** {@code members}: by id, the id each was merged into, null for the root. */
  byte[] state(String root, byte status, Row row, TreeMap<String, String> members, Summary summary,
      long eventMs, boolean incomplete) {
    builder.clear();
    int[] memberRows = new int[members.size()];
    int next = 0;
    for (Map.Entry<String, String> member : members.entrySet()) {
      int id = builder.createString(Names.internal(member.getKey()));
      int via = member.getValue() == null ? 0
          : builder.createString(Names.internal(member.getValue()));
      memberRows[next++] = Member.createMember(builder, id, via);
    }
    int membersAt = AccountState.createMembersVector(builder, memberRows);
    int rootAt = builder.createString(Names.internal(root));
    List<Row.Field> fields = row.isLive() ? row.fields() : List.of();
    int[] fieldRows = new int[fields.size()];
    Stamp last = null;
    int version = 0;
    for (int i = 0; i < fieldRows.length; i++) {
      Row.Field field = fields.get(i);
      if (last != field.stamp) {
        last = field.stamp;
        version = last.write(builder);
      }
      int name = builder.createString(field.name);
      int value = field.value == null ? 0 : builder.createString(ByteBuffer.wrap(field.value));
      fieldRows[i] = GoldenField.createGoldenField(builder, name, value, rootAt, version, (byte) 0);
    }
    int fieldsAt = AccountState.createFieldsVector(builder, fieldRows);
    int[] n = summary.children;
    int childrenAt = !summary.hasChildren() ? 0
        : ChildCounts.createChildCounts(builder, n[0], n[1], n[2], n[3], n[4], n[5], n[6], 0);
    AccountState.startAccountState(builder);
    AccountState.addRoot(builder, rootAt);
    AccountState.addStatus(builder, status);
    AccountState.addMembers(builder, membersAt);
    AccountState.addFields(builder, fieldsAt);
    AccountState.addVersion(builder, summary.version);
    AccountState.addEventTimeMs(builder, eventMs);
    AccountState.addIncomplete(builder, incomplete);
    AccountState.addChildren(builder, childrenAt);
    builder.finish(AccountState.endAccountState(builder));
    return builder.sizedByteArray();
  }

  byte[] territory(String root, String territory, RuleSet.Place place, long epoch) {
    builder.clear();
    int rootAt = builder.createString(Names.internal(root));
    int territoryAt = builder.createString(territory);
    int[] rules = new int[place.rules().size()];
    for (int i = 0; i < rules.length; i++) {
      rules[i] = builder.createString(place.rules().get(i));
    }
    int rulesAt = AccountTerritory.createRulesVector(builder, rules);
    builder.finish(AccountTerritory.createAccountTerritory(builder, rootAt, territoryAt, rulesAt,
        place.manual(), epoch));
    return builder.sizedByteArray();
  }

  /** {@code current}: index of a segment, or -1. */
  byte[] entitlement(String root, String feature, Timeline.Feature timeline, int current,
      FeatureList.Entry entry) {
    builder.clear();
    int rootAt = builder.createString(Names.internal(root));
    int featureAt = builder.createString(feature);
    int[] segments = new int[timeline.segments().size()];
    for (int i = 0; i < segments.length; i++) {
      segments[i] = segment(timeline.segments().get(i));
    }
    int segmentsAt = FeatureEntitlement.createSegmentsVector(builder, segments);
    int currentAt = current < 0 ? 0 : segments[current];
    int[] shares = new int[timeline.shares().size()];
    for (int i = 0; i < shares.length; i++) {
      shares[i] = share(timeline.shares().get(i));
    }
    int sharesAt = FeatureEntitlement.createSharesVector(builder, shares);
    FeatureEntitlement.startFeatureEntitlement(builder);
    FeatureEntitlement.addRoot(builder, rootAt);
    FeatureEntitlement.addFeature(builder, featureAt);
    FeatureEntitlement.addKind(builder, timeline.kind());
    FeatureEntitlement.addCurrent(builder, currentAt);
    FeatureEntitlement.addSegments(builder, segmentsAt);
    FeatureEntitlement.addShares(builder, sharesAt);
    if (entry.nextMs != Long.MAX_VALUE) {
      FeatureEntitlement.addNextChangeMs(builder, entry.nextMs);
    }
    FeatureEntitlement.addVersion(builder, entry.version);
    FeatureEntitlement.addAsOfMs(builder, entry.asOfMs);
    builder.finish(FeatureEntitlement.endFeatureEntitlement(builder));
    return builder.sizedByteArray();
  }

  private int segment(Timeline.Segment segment) {
    int text = segment.text() == null ? 0 : builder.createString(segment.text());
    EntitlementSegment.startEntitlementSegment(builder);
    builder.forceDefaults(true);  // a moment of zero is not an open one
    if (segment.from() != Timeline.OPEN_START) {
      EntitlementSegment.addFromMs(builder, segment.from());
    }
    if (segment.to() != Timeline.OPEN_END) {
      EntitlementSegment.addToMs(builder, segment.to());
    }
    builder.forceDefaults(false);
    EntitlementSegment.addStatus(builder, segment.status());
    EntitlementSegment.addAmount(builder, segment.amount());
    EntitlementSegment.addText(builder, text);
    return EntitlementSegment.endEntitlementSegment(builder);
  }

  private int share(Timeline.Share share) {
    int source = builder.createString(share.grant().source());
    int via = builder.createString(Names.internal(share.grant().via()));
    EntitlementShare.startEntitlementShare(builder);
    builder.forceDefaults(true);  // a moment of zero is not an open one
    if (share.from() != Timeline.OPEN_START) {
      EntitlementShare.addFromMs(builder, share.from());
    }
    if (share.to() != Timeline.OPEN_END) {
      EntitlementShare.addToMs(builder, share.to());
    }
    builder.forceDefaults(false);
    EntitlementShare.addStatus(builder, share.status());
    EntitlementShare.addAmount(builder, share.grant().amount());
    EntitlementShare.addPrecedence(builder, share.grant().precedence());
    EntitlementShare.addSource(builder, source);
    EntitlementShare.addVia(builder, via);
    return EntitlementShare.endEntitlementShare(builder);
  }
}
