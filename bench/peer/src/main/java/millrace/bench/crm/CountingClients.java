package millrace.bench.crm;

import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.processor.internals.DefaultKafkaClientSupplier;

/** The usual clients, but one can see whether transactions are open. */
final class CountingClients extends DefaultKafkaClientSupplier {
  private final Progress progress;

  CountingClients(Progress progress) {
    this.progress = progress;
  }

  @Override
  public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer()) {
      @Override
      public void beginTransaction() {
        progress.openTransactions.incrementAndGet();
        super.beginTransaction();
      }

      @Override
      public void commitTransaction() {
        super.commitTransaction();
        progress.openTransactions.decrementAndGet();
      }

      @Override
      public void abortTransaction() {
        super.abortTransaction();
        progress.openTransactions.decrementAndGet();
      }
    };
  }
}
