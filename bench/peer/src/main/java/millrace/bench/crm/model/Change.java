package millrace.bench.crm.model;

import java.util.ArrayList;
import java.util.List;

/** One record's change as the source tells it. */
public final class Change {
  /** A value of null was set to null. */
  public record Field(String name, byte[] value) {}

  public Kind kind;
  public String id;
  /** As in {@link millrace.crm.ChangeType}. */
  public byte type;
  public Stamp stamp;
  public final List<Field> fields = new ArrayList<>();
}
