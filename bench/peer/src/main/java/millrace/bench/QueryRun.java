package millrace.bench;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyQueryMetadata;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.HostInfo;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;

/**
 * An instance that answers for the aggregate's rows by interactive queries, until it is ended. It
 * forwards a question for another instance's row, as Kafka Streams' documentation proposes.
 */
final class QueryRun {
  static final String ROW_PATH = "/v1/stores/" + AggregateRun.STORE + "?key=";
  private static final String PEER_ROW_PATH = "/v1/peer/" + AggregateRun.STORE + "?key=";
  private static final String HOST = "127.0.0.1";
  private static final HexFormat HEX = HexFormat.of();
  private static final ByteArraySerializer SERIALIZER = new ByteArraySerializer();

  private final KafkaStreams streams;
  private final HostInfo self;
  private final LongAdder processed;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  /** One handle a partition: a handle for the whole store would try its partitions in turn. */
  private final AtomicReferenceArray<ReadOnlyKeyValueStore<byte[], ValueAndTimestamp<byte[]>>>
      stores = new AtomicReferenceArray<>(Layout.PARTITIONS);

  private QueryRun(KafkaStreams streams, HostInfo self, LongAdder processed) {
    this.streams = streams;
    this.self = self;
    this.processed = processed;
  }

  static void run(Options options) throws Exception {
    HostInfo self = new HostInfo(HOST, Math.toIntExact(options.number("port")));
    Properties config = StreamsTuning.properties(options);
    config.put(StreamsConfig.APPLICATION_SERVER_CONFIG, self.host() + ":" + self.port());
    // Tasks move at once, instead of after a probing rebalance minutes later.
    config.put(StreamsConfig.ACCEPTABLE_RECOVERY_LAG_CONFIG, Long.MAX_VALUE);
    LongAdder processed = new LongAdder();
    try (KafkaStreams streams = new KafkaStreams(
        AggregateRun.topology(options, () -> new Counter(processed)), config)) {
      long deadline =
          System.nanoTime() + TimeUnit.SECONDS.toNanos(options.number("timeout-s", 600));
      AggregateRun.startAndAwaitRunning(streams, deadline);
      new HttpServer(self.port(), new QueryRun(streams, self, processed)::answer).run();
    }
  }

  private HttpServer.Answer answer(String method, String target) throws Exception {
    if (target.startsWith(ROW_PATH)) {
      return row(target.substring(ROW_PATH.length()));
    }
    if (target.startsWith(PEER_ROW_PATH)) {
      String key = target.substring(PEER_ROW_PATH.length());
      return ownRow(key, bytesOf(key), metadata(bytesOf(key)).partition());
    }
    switch (method + " " + target) {
      case "GET /v1/progress" -> {
        long tasks = streams.state() != KafkaStreams.State.RUNNING ? 0
            : streams.metadataForLocalThreads().stream()
                .mapToLong(thread -> thread.activeTasks().size()).sum();
        return ok("{\"records\":" + processed.sum() + ",\"tasks\":" + tasks + "}");
      }
      case "POST /v1/pause" -> streams.pause();
      case "POST /v1/resume" -> streams.resume();
      default -> {
        return error(404, "no such path");
      }
    }
    return ok("{\"paused\":" + streams.isPaused() + "}");
  }

  private KeyQueryMetadata metadata(byte[] key) {
    return streams.queryMetadataForKey(AggregateRun.STORE, key, SERIALIZER);
  }

  private HttpServer.Answer row(String keyText) throws Exception {
    byte[] key = bytesOf(keyText);
    KeyQueryMetadata metadata = metadata(key);
    if (metadata.equals(KeyQueryMetadata.NOT_AVAILABLE)) {
      return error(503, "no plan yet");
    }
    HostInfo owner = metadata.activeHost();
    return owner.equals(self) ? ownRow(keyText, key, metadata.partition()) : ask(owner, keyText);
  }

  private HttpServer.Answer ask(HostInfo owner, String key) throws Exception {
    URI uri = URI.create("http://" + owner.host() + ":" + owner.port() + PEER_ROW_PATH + key);
    HttpResponse<byte[]> response =
        client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
    return new HttpServer.Answer(response.statusCode(), response.body());
  }

  private HttpServer.Answer ownRow(String keyText, byte[] key, int partition) {
    ValueAndTimestamp<byte[]> row;
    try {
      row = store(partition).get(key);
    } catch (InvalidStateStoreException moved) {
      stores.set(partition, null);
      return error(503, "the partition is elsewhere");
    }
    if (row == null) {
      return error(404, "no such key");
    }
    return ok("{\"key\":\"" + keyText + "\",\"position\":{\"instance\":\"i-" + self.port()
        + "\",\"partition\":" + partition + "},\"store\":\"" + AggregateRun.STORE
        + "\",\"timestamp_ms\":" + row.timestamp() + ",\"value_hex\":\""
        + HEX.formatHex(row.value()) + "\"}");
  }

  private ReadOnlyKeyValueStore<byte[], ValueAndTimestamp<byte[]>> store(int partition) {
    ReadOnlyKeyValueStore<byte[], ValueAndTimestamp<byte[]>> store = stores.get(partition);
    if (store == null) {
      store = streams.store(StoreQueryParameters.fromNameAndType(AggregateRun.STORE,
          QueryableStoreTypes.<byte[], byte[]>timestampedKeyValueStore())
          .withPartition(partition));
      stores.set(partition, store);
    }
    return store;
  }

  private static byte[] bytesOf(String key) {
    return key.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static HttpServer.Answer ok(String json) {
    return new HttpServer.Answer(200, (json + "\n").getBytes(StandardCharsets.ISO_8859_1));
  }

  private static HttpServer.Answer error(int status, String message) {
    return new HttpServer.Answer(status,
        ("{\"error\":\"" + message + "\"}\n").getBytes(StandardCharsets.ISO_8859_1));
  }

  private static final class Counter extends ContextualFixedKeyProcessor<byte[], byte[], byte[]> {
    private final LongAdder processed;

    Counter(LongAdder processed) {
      this.processed = processed;
    }

    @Override
    public void process(FixedKeyRecord<byte[], byte[]> record) {
      context().forward(record);
      processed.increment();
    }
  }
}
