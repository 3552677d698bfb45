package millrace.bench.crm.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import millrace.crm.ChangeType;

/** Reads Salesforce's change events in CometD's JSON; one for each task. */
public final class ChangeReader {
  private static final JsonFactory JSON = new JsonFactory();
  private static final String HEADER = "ChangeEventHeader";

  private final List<String> names = new ArrayList<>();
  private final List<String> values = new ArrayList<>();

  private String entity;
  private String recordId;
  private String type;
  private String transaction;
  private long sequence;
  private long commitMs;

  public Change read(byte[] event) throws IOException {
    names.clear();
    values.clear();
    try (JsonParser json = JSON.createParser(event)) {
      expect(json.nextToken(), JsonToken.START_OBJECT);
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        boolean isPayload = json.currentName().equals("payload");
        json.nextToken();
        if (isPayload) {
          payload(json, "");
        } else {
          json.skipChildren();
        }
      }
    }
    return change();
  }

  private void payload(JsonParser json, String prefix) throws IOException {
    expect(json.currentToken(), JsonToken.START_OBJECT);
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      JsonToken token = json.nextToken();
      if (prefix.isEmpty() && name.equals(HEADER)) {
        header(json);
      } else if (token == JsonToken.START_OBJECT) {
        payload(json, name + ".");
      } else {
        names.add(prefix.isEmpty() ? name : prefix + name);
        values.add(valueText(json, token));
      }
    }
  }

  private void header(JsonParser json) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      switch (name) {
        case "entityName" -> entity = json.getText();
        case "changeType" -> type = json.getText();
        case "transactionKey" -> transaction = json.getText();
        case "sequenceNumber" -> sequence = json.getLongValue();
        case "commitTimestamp" -> commitMs = json.getLongValue();
        case "recordIds" -> {
          json.nextToken();
          recordId = json.getText();
          expect(json.nextToken(), JsonToken.END_ARRAY);
        }
        default -> json.skipChildren();
      }
    }
  }

  /** Equal numbers have equal texts. */
  private static String valueText(JsonParser json, JsonToken token) throws IOException {
    if (token == JsonToken.VALUE_NULL) {
      return null;
    }
    String text = json.getText();
    if (token != JsonToken.VALUE_NUMBER_FLOAT) {
      return text;
    }
    boolean isPlain = text.endsWith(".0") && text.indexOf('e') < 0;
    return isPlain ? text.substring(0, text.length() - 2)
        : new BigDecimal(text).stripTrailingZeros().toPlainString();
  }

  private Change change() {
    Change change = new Change();
    change.kind = Kind.ofEntity(entity);
    change.id = Names.canonical(recordId);
    change.type = typeOf(type);
    change.stamp = new Stamp(commitMs, sequence, transaction);
    for (int i = 0; i < names.size(); i++) {
      String name = change.kind.field(names.get(i));
      String value = values.get(i);
      if (name == null) {
        continue;
      }
      if (value != null && change.kind.isReference(name)) {
        value = Names.internal(Names.canonical(value));
      }
      change.fields.add(new Change.Field(name,
          value == null ? null : value.getBytes(StandardCharsets.UTF_8)));
    }
    return change;
  }

  private static byte typeOf(String type) {
    return switch (type) {
      case "CREATE" -> ChangeType.Create;
      case "UPDATE" -> ChangeType.Update;
      case "DELETE" -> ChangeType.Delete;
      case "UNDELETE" -> ChangeType.Undelete;
      default -> {
        if (!type.startsWith("GAP_")) {
          throw new IllegalArgumentException("unknown type of change " + type);
        }
        yield ChangeType.Gap;
      }
    };
  }

  private static void expect(JsonToken have, JsonToken want) {
    if (have != want) {
      throw new IllegalArgumentException("the event has " + have + " where " + want + " belongs");
    }
  }
}
