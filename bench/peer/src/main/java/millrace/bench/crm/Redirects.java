package millrace.bench.crm;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import millrace.bench.crm.model.Names;
import millrace.bench.crm.model.Stamp;
import millrace.crm.Redirect;

/** Rows of crm.redirects; ids are bare. */
final class Redirects {
  private Redirects() {}

  static String root(byte[] redirect) {
    return Names.bare(Redirect.getRootAsRedirect(ByteBuffer.wrap(redirect)).root());
  }

  /** Null: a root. */
  static String survivor(byte[] redirect) {
    String survivor = Redirect.getRootAsRedirect(ByteBuffer.wrap(redirect)).survivor();
    return survivor == null ? null : Names.bare(survivor);
  }

  static long versionMs(byte[] redirect) {
    Stamp stamp = Stamp.of(Redirect.getRootAsRedirect(ByteBuffer.wrap(redirect)).version());
    return stamp == null ? 0 : stamp.commitMs();
  }

  static byte[] of(String id, String survivor, String root, byte decision, Stamp version) {
    FlatBufferBuilder builder = new FlatBufferBuilder(256);
    int idAt = builder.createString(Names.internal(id));
    int survivorAt = survivor == null ? 0 : builder.createString(Names.internal(survivor));
    int rootAt = builder.createString(Names.internal(root));
    int versionAt = version == null ? 0 : version.write(builder);
    builder.finish(Redirect.createRedirect(builder, idAt, survivorAt, rootAt, decision, versionAt,
        0));
    return builder.sizedByteArray();
  }
}
