package millrace.peer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import millrace.peer.Case.Input;
import millrace.peer.Plan.Output;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Runs cases on Kafka Streams: reads a case a line from stdin, and prints its outputs step by step.
 * The argument is a folder for the stores that cannot be in memory.
 */
public final class Main {
  private final Properties settings = new Properties();
  private final StringBuilder answer = new StringBuilder();

  private Main(String stateDir) {
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "peer");
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
    settings.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.LongSerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0L);
    settings.put(
        StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
        BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
    // Final results come with the record that closes a window, not once a second.
    settings.put(
        StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);
    settings.put(
        StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX,
        0L);
  }

  public static void main(String[] arguments) throws IOException {
    Main main = new Main(arguments[0]);
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      main.runLine(line);
    }
  }

  private void runLine(String line) {
    try {
      Case parsed = Case.parse(line);
      answer.append("case ").append(parsed.id()).append('\n');
      runSteps(parsed);
    } catch (RuntimeException error) {
      answer.append("failed ").append(oneLine(error)).append('\n');
    }
    answer.append("end\n");
    System.out.print(answer);
    System.out.flush(); // who waits for the answer needs it now
    answer.setLength(0);
  }

  private static String oneLine(Throwable error) {
    StringBuilder text = new StringBuilder(error.toString());
    for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
      text.append(": ").append(cause);
    }
    return text.toString().replace('\n', ' ');
  }

  private void runSteps(Case parsed) {
    StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(settings)));
    Plan plan = new Plan(builder, parsed.nodes());
    try (TopologyTestDriver driver = new TopologyTestDriver(plan.topology(), settings)) {
      int step = 0;
      for (Input input : parsed.inputs()) {
        answer.append("step ").append(step++).append('\n');
        driver
            .createInputTopic(
                Plan.inputTopic(input.source()), new LongSerializer(), new StringSerializer())
            .pipeInput(input.key(), input.value(), input.timeMs());
        for (Output output : plan.outputs()) {
          if (output.isWindowed()) {
            read(driver, output, new StringDeserializer());
          } else {
            read(driver, output, new LongDeserializer());
          }
        }
      }
    }
  }

  private <K> void read(TopologyTestDriver driver, Output output, Deserializer<K> keys) {
    var topic = driver.createOutputTopic(output.topic(), keys, new StringDeserializer());
    for (TestRecord<K, String> record : topic.readRecordsToList()) {
      answer
          .append(output.node())
          .append(' ')
          .append(record.key() == null ? "-" : record.key().toString())
          .append(' ')
          .append(record.value() == null ? "-" : record.value())
          .append(' ')
          .append(record.timestamp())
          .append('\n');
    }
  }
}
