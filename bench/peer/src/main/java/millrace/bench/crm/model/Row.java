package millrace.bench.crm.model;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import millrace.crm.AccountRow;
import millrace.crm.ChangeType;
import millrace.crm.RowField;
import millrace.crm.RowStatus;

/** A record by the set of its changes, field by field the newest (account_row.fbs). */
public final class Row {
  public static final class Field {
    public final String name;
    public byte[] value;
    public Stamp stamp;

    private Field(String name, byte[] value, Stamp stamp) {
      this.name = name;
      this.value = value;
      this.stamp = stamp;
    }
  }

  public final String id;
  private byte status = RowStatus.Unknown;
  private Stamp existence;
  private Stamp fullImage;
  private Stamp gap;
  /** By name. */
  private final List<Field> fields = new ArrayList<>();

  public Row(String id) {
    this.id = id;
  }

  public static Row of(String id, byte[] bytes) {
    Row row = new Row(id);
    if (bytes == null) {
      return row;
    }
    AccountRow flat = AccountRow.getRootAsAccountRow(ByteBuffer.wrap(bytes));
    row.status = flat.status();
    row.existence = Stamp.of(flat.existenceVersion());
    row.fullImage = Stamp.of(flat.fullImageVersion());
    row.gap = Stamp.of(flat.gapVersion());
    RowField field = new RowField();
    millrace.crm.Version version = new millrace.crm.Version();
    Stamp last = row.fullImage;
    for (int i = 0; i < flat.fieldsLength(); i++) {
      flat.fields(field, i);
      field.version(version);
      if (last == null || last.commitMs() != version.commitTimestampMs()
          || last.sequence() != version.sequenceNumber()
          || !last.transaction().equals(version.transactionKey())) {
        last = Stamp.of(version);
      }
      row.fields.add(new Field(field.name().intern(), bytesOf(field.valueAsByteBuffer()), last));
    }
    return row;
  }

  private static byte[] bytesOf(ByteBuffer slice) {
    if (slice == null) {
      return null;
    }
    byte[] bytes = new byte[slice.remaining()];
    slice.get(bytes);
    return bytes;
  }

  /** False: the change is known, or outdated. */
  public boolean add(Change change) {
    if (change.type == ChangeType.Gap) {
      boolean isNews = Stamp.isNewer(change.stamp, gap);
      gap = Stamp.newest(gap, change.stamp);
      return isNews;
    }
    boolean isNews = exist(change);
    boolean isImage = change.type == ChangeType.Create || change.type == ChangeType.Undelete;
    if (isImage && Stamp.isNewer(change.stamp, fullImage)) {
      fullImage = change.stamp;
      fields.removeIf(field -> Stamp.isNewer(fullImage, field.stamp));
      isNews = true;
    }
    if (Stamp.isNewer(fullImage, change.stamp)) {
      return isNews;
    }
    for (Change.Field field : change.fields) {
      isNews |= set(field, change.stamp);
    }
    return isNews;
  }

  private boolean exist(Change change) {
    boolean deletes = change.type == ChangeType.Delete;
    int order = existence == null ? 1 : change.stamp.compareTo(existence);
    boolean wins = order > 0 || order == 0 && !deletes && status == RowStatus.Deleted;
    if (wins) {
      existence = change.stamp;
      status = deletes ? RowStatus.Deleted : RowStatus.Live;
    }
    return wins;
  }

  private boolean set(Change.Field field, Stamp stamp) {
    int at = 0;
    while (at < fields.size() && fields.get(at).name.compareTo(field.name()) < 0) {
      at++;
    }
    if (at == fields.size() || !fields.get(at).name.equals(field.name())) {
      fields.add(at, new Field(field.name(), field.value(), stamp));
      return true;
    }
    Field known = fields.get(at);
    if (!Stamp.isNewer(stamp, known.stamp)) {
      return false;
    }
    known.value = field.value();
    known.stamp = stamp;
    return true;
  }

  public boolean isKnown() {
    return existence != null || gap != null;
  }

  public boolean isLive() {
    return status == RowStatus.Live;
  }

  public boolean isDeleted() {
    return status == RowStatus.Deleted;
  }

  public boolean isIncomplete() {
    return !isDeleted() && Stamp.isNewer(gap, fullImage);
  }

  public List<Field> fields() {
    return fields;
  }

  /** Null for none and for an empty one. */
  public String text(String name) {
    Field field = find(name);
    return field == null || field.value == null || field.value.length == 0 ? null
        : new String(field.value, StandardCharsets.UTF_8);
  }

  public Field find(String name) {
    for (Field field : fields) {
      if (field.name.equals(name)) {
        return field;
      }
    }
    return null;
  }

  /** Commit time of the newest change in it. */
  public long newestMs() {
    Stamp newest = Stamp.newest(Stamp.newest(existence, gap), fullImage);
    for (Field field : fields) {
      newest = Stamp.newest(newest, field.stamp);
    }
    return newest == null ? 0 : newest.commitMs();
  }

  public byte[] toBytes(FlatBufferBuilder builder) {
    builder.clear();
    Map<Stamp, Integer> written = new HashMap<>();
    int idAt = builder.createString(Names.internal(id));
    int[] offsets = new int[fields.size()];
    for (int i = 0; i < offsets.length; i++) {
      Field field = fields.get(i);
      int name = builder.createString(field.name);
      int value = field.value == null ? 0 : builder.createString(ByteBuffer.wrap(field.value));
      int version = write(field.stamp, builder, written);
      offsets[i] = RowField.createRowField(builder, name, value, version, (byte) 0);
    }
    int vector = AccountRow.createFieldsVector(builder, offsets);
    int existenceAt = write(existence, builder, written);
    int imageAt = write(fullImage, builder, written);
    int gapAt = write(gap, builder, written);
    AccountRow.startAccountRow(builder);
    AccountRow.addId(builder, idAt);
    AccountRow.addStatus(builder, status);
    AccountRow.addExistenceVersion(builder, existenceAt);
    AccountRow.addFullImageVersion(builder, imageAt);
    AccountRow.addGapVersion(builder, gapAt);
    AccountRow.addFields(builder, vector);
    builder.finish(AccountRow.endAccountRow(builder));
    return builder.sizedByteArray();
  }

  private static int write(Stamp stamp, FlatBufferBuilder builder, Map<Stamp, Integer> written) {
    if (stamp == null) {
      return 0;
    }
    Integer known = written.get(stamp);
    if (known == null) {
      known = stamp.write(builder);
      written.put(stamp, known);
    }
    return known;
  }
}
