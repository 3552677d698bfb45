package millrace.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/**
 * HTTP/1.1 without bodies of requests, for callers that keep few connections open. A thread for
 * each of them reads, answers and writes: with few connections nothing is cheaper in Java, and
 * virtual threads, which Java 17 does not have, would do the same work.
 */
final class HttpServer {
  private static final int HEAD_BYTES_MAX = 8 << 10;
  private static final int BACKLOG = 256;

  record Answer(int status, byte[] body) {}

  interface Handler {
    /** {@code target} as in the request line; called by many threads. */
    Answer answer(String method, String target) throws Exception;
  }

  private final ServerSocket listener;
  private final Handler handler;

  HttpServer(int port, Handler handler) throws IOException {
    this.listener = new ServerSocket(port, BACKLOG, InetAddress.getLoopbackAddress());
    this.handler = handler;
  }

  /** Serves until the process ends. */
  void run() throws IOException {
    while (true) {
      Socket socket = listener.accept();
      Thread thread = new Thread(() -> serve(socket), "http");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      InputStream in = socket.getInputStream();
      OutputStream out = socket.getOutputStream();
      byte[] buffer = new byte[HEAD_BYTES_MAX];
      int filled = 0;
      while (filled < buffer.length) {
        int read = in.read(buffer, filled, buffer.length - filled);
        if (read < 0) {
          return;
        }
        int from = Math.max(0, filled - 3);
        filled += read;
        for (int end = headEnd(buffer, from, filled); end > 0; end = headEnd(buffer, 0, filled)) {
          out.write(bytesOf(answer(buffer)));
          System.arraycopy(buffer, end, buffer, 0, filled - end);
          filled -= end;
        }
      }
    } catch (IOException closed) {
      // The caller has left.
    }
  }

  /** The end of the empty line after the first head; 0 if it is not there yet. */
  private static int headEnd(byte[] buffer, int from, int to) {
    for (int at = from; at + 3 < to; at++) {
      if (buffer[at] == '\r' && buffer[at + 1] == '\n' && buffer[at + 2] == '\r'
          && buffer[at + 3] == '\n') {
        return at + 4;
      }
    }
    return 0;
  }

  @SuppressWarnings("deprecation") // of ASCII: the fastest way from bytes to a string
  private Answer answer(byte[] head) {
    int methodEnd = indexOf(head, ' ', 0);
    int targetEnd = indexOf(head, ' ', methodEnd + 1);
    String method = new String(head, 0, 0, methodEnd);
    String target = new String(head, 0, methodEnd + 1, targetEnd - methodEnd - 1);
    try {
      return handler.answer(method, target);
    } catch (Exception failure) {
      return new Answer(503, ("{\"error\":\"" + failure.getClass().getSimpleName() + "\"}\n")
          .getBytes(StandardCharsets.US_ASCII));
    }
  }

  private static int indexOf(byte[] head, char sought, int from) {
    int at = from;
    while (head[at] != sought) {
      at++;
    }
    return at;
  }

  /** Head and body together, so that one system call sends them. */
  private static byte[] bytesOf(Answer answer) {
    byte[] head = ("HTTP/1.1 " + answer.status + " -\r\nContent-Type: application/json\r\n"
        + "Content-Length: " + answer.body.length + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
    byte[] bytes = new byte[head.length + answer.body.length];
    System.arraycopy(head, 0, bytes, 0, head.length);
    System.arraycopy(answer.body, 0, bytes, head.length, answer.body.length);
    return bytes;
  }
}
