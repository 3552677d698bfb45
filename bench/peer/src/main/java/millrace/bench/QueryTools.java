package millrace.bench;

import java.io.BufferedWriter;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.utils.Utils;

/** Tools for the benchmark of queries, the same for both engines. */
final class QueryTools {
  private static final int LOOK_INTERVAL_MS = 20;
  private static final double CLOCK_TICKS_PER_S = 100; // of the kernel's answers, always
  private static final Pattern RECORDS = Pattern.compile("\"records\":(\\d+)");

  private QueryTools() {}

  /**
   * {@code --keys K --folder F}: writes the paths of all rows to F/paths-P, a file for each
   * partition P.
   */
  static void paths(Options options) throws IOException {
    BufferedWriter[] files = new BufferedWriter[Layout.PARTITIONS];
    for (int partition = 0; partition < files.length; partition++) {
      files[partition] =
          Files.newBufferedWriter(Path.of(options.text("folder"), "paths-" + partition));
    }
    long keys = options.number("keys");
    for (int i = 0; i < keys; i++) {
      byte[] key = Layout.key(i);
      int partition = Utils.toPositive(Utils.murmur2(key)) % Layout.PARTITIONS;
      files[partition].write(QueryRun.ROW_PATH + new String(key, StandardCharsets.US_ASCII) + "\n");
    }
    for (BufferedWriter file : files) {
      file.close();
    }
    System.out.printf("{\"paths\":%d}%n", keys);
  }

  /**
   * {@code --ports A,B --pids A,B --records N}: resumes both instances and waits until they have
   * processed N more records. Prints the time, also as moments of the wall clock, and the CPU time
   * of both.
   */
  static void backlog(Options options) throws Exception {
    List<String> ports = list(options, "ports");
    List<String> pids = list(options, "pids");
    long records = options.number("records");
    long timeout = TimeUnit.SECONDS.toNanos(options.number("timeout-s", 600));
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    long before = processed(client, ports);
    double cpu = -cpuSeconds(pids);
    long fromMs = System.currentTimeMillis();
    long started = System.nanoTime();
    for (String port : ports) {
      send(client, request(port, "/v1/resume").POST(HttpRequest.BodyPublishers.noBody()).build());
    }
    while (processed(client, ports) < before + records) {
      if (System.nanoTime() - started > timeout) {
        throw new IllegalStateException(
            processed(client, ports) - before + " of " + records + " records in time");
      }
      Thread.sleep(LOOK_INTERVAL_MS);
    }
    double seconds = (System.nanoTime() - started) / 1e9;
    long toMs = System.currentTimeMillis();
    cpu += cpuSeconds(pids);
    System.out.printf("{\"records\":%d,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"from_ms\":%d,"
        + "\"to_ms\":%d}%n", records, seconds, cpu, fromMs, toMs);
  }

  private static List<String> list(Options options, String name) {
    return Arrays.asList(options.text(name).split(","));
  }

  private static long processed(HttpClient client, List<String> ports) throws Exception {
    long sum = 0;
    for (String port : ports) {
      Matcher records = RECORDS.matcher(send(client, request(port, "/v1/progress").build()));
      if (!records.find()) {
        throw new IllegalStateException("the instance at port " + port + " has no progress");
      }
      sum += Long.parseLong(records.group(1));
    }
    return sum;
  }

  private static HttpRequest.Builder request(String port, String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
  }

  private static String send(HttpClient client, HttpRequest request) throws Exception {
    HttpResponse<String> response =
        client.send(request, HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() != 200) {
      throw new IllegalStateException(request.uri() + ": " + response.statusCode());
    }
    return response.body();
  }

  /** User and system, all threads, of all of them. */
  private static double cpuSeconds(List<String> pids) throws IOException {
    long ticks = 0;
    for (String pid : pids) {
      String stat = Files.readString(Path.of("/proc", pid, "stat"));
      // The name before the last parenthesis may hold blanks; utime is the 12th field after it.
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
    }
    return ticks / CLOCK_TICKS_PER_S;
  }
}
