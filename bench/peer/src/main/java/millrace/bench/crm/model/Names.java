package millrace.bench.crm.model;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Utils;

/** Topics, stores and ids of the flow. */
public final class Names {
  public static final String RAW = "crm.raw.salesforce";
  public static final String MERGE_FACTS = "crm.merge-facts";
  public static final String REDIRECTS = "crm.redirects";
  public static final String ACCOUNT_STATE = "crm.account-state";
  public static final String TERRITORIES_OUT = "crm.account-territories";
  public static final String ENTITLEMENTS = "crm.entitlements";

  public static final String MODELS = "crm.territory-models";
  public static final String TERRITORIES = "crm.territories";
  public static final String RULES = "crm.territory-rules";
  public static final String RULE_TERRITORIES = "crm.rule-territories";
  public static final String MANUAL = "crm.manual-territories";
  public static final String EXCLUSIONS = "crm.territory-exclusions";
  public static final String PRODUCTS = "crm.product-features";
  public static final String[] BROADCAST = {
      MODELS, TERRITORIES, RULES, RULE_TERRITORIES, MANUAL, EXCLUSIONS, PRODUCTS};

  /** Children on the way to the account that they name, and what is on the way to a root. */
  public static final String ACCOUNT_HOP = "peer-account-hop";
  public static final String ROOT_HOP = "peer-root-hop";
  /** Ids that must have a redirect although no fact names them. */
  public static final String FOREST_HOP = "peer-forest-hop";

  public static final int ID_BYTES = 18;
  private static final String SOURCE = "sf:";
  private static final String SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

  private Names() {}

  /** {@code sf:001…} of {@code 001…}. */
  public static String internal(String bare) {
    return SOURCE + bare;
  }

  public static String bare(String internal) {
    return internal.substring(SOURCE.length());
  }

  public static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  public static String text(byte[] bytes, int from, int count) {
    return new String(bytes, from, count, StandardCharsets.ISO_8859_1);
  }

  public static String text(byte[] bytes) {
    return text(bytes, 0, bytes.length);
  }

  /** Salesforce's id of 18 characters for one of 15 or 18. */
  public static String canonical(String id) {
    if (id.length() == ID_BYTES) {
      return id;
    }
    StringBuilder full = new StringBuilder(ID_BYTES).append(id, 0, 15);
    for (int chunk = 0; chunk < 15; chunk += 5) {
      int upper = 0;
      for (int i = 0; i < 5; i++) {
        char c = id.charAt(chunk + i);
        if (c >= 'A' && c <= 'Z') {
          upper |= 1 << i;
        }
      }
      full.append(SUFFIXES.charAt(upper));
    }
    return full.toString();
  }

  /** The partition of a bare id, on all topics of the flow. */
  public static int partition(byte[] id, int partitions) {
    return Utils.toPositive(Utils.murmur2(id)) % partitions;
  }

  /** The partition of an output: that of the root's bare id, with which the key begins. */
  public static int outputPartition(byte[] key, int partitions) {
    byte[] id = new byte[ID_BYTES];
    System.arraycopy(key, SOURCE.length(), id, 0, ID_BYTES);
    return partition(id, partitions);
  }
}
