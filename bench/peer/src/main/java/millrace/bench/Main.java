package millrace.bench;

import java.util.Arrays;
import millrace.bench.crm.CrmRun;

/** Picks the mode: the first argument. Every mode prints one JSON line on standard output. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    String mode = args.length > 0 ? args[0] : "";
    Options options = new Options(Arrays.copyOfRange(args, Math.min(1, args.length), args.length));
    switch (mode) {
      case "create-topic" -> Topics.create(options);
      case "delete-topics" -> Topics.delete(options);
      case "load" -> Loader.run(options);
      case "load-changelog" -> Loader.runChangelog(options);
      case "commit-offsets" -> Topics.commitOffsets(options);
      case "run" -> AggregateRun.run(options);
      case "restore" -> RestoreRun.run(options);
      case "failover" -> FailoverRun.run(options);
      case "trickle" -> Loader.trickle(options);
      case "append" -> Loader.append(options);
      case "crm" -> CrmRun.run(options);
      case "query" -> QueryRun.run(options);
      case "paths" -> QueryTools.paths(options);
      case "backlog" -> QueryTools.backlog(options);
      case "expect-rows" -> TableDigest.rowsOfInput(options);
      case "digest" -> TableDigest.ofTable(options);
      case "expect" -> TableDigest.ofInput(options);
      default -> throw new IllegalArgumentException(
          "usage: create-topic|delete-topics|load|append|load-changelog|trickle|"
              + "commit-offsets|run|restore|failover|crm|query|paths|backlog|digest|expect|"
              + "expect-rows "
              + "--name value ...");
    }
  }
}
