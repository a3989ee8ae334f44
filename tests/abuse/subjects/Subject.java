import com.ericsson.otp.erlang.*;
import java.io.*;

/** A node with jinterface under abuse: its mailbox echo answers {Pid, Term} with Term; commands come on standard input. */
public class Subject {
    public static void main(String[] args) throws Exception {
        OtpNode node = new OtpNode(args[0], args[1]);
        OtpMbox echo = node.createMbox("echo");
        Thread answers = new Thread(() -> {
            while (true) {
                try {
                    OtpErlangObject message = echo.receive();
                    if (message instanceof OtpErlangTuple && ((OtpErlangTuple) message).arity() == 2) {
                        OtpErlangTuple pair = (OtpErlangTuple) message;
                        if (pair.elementAt(0) instanceof OtpErlangPid) {
                            echo.send((OtpErlangPid) pair.elementAt(0), pair.elementAt(1));
                        }
                    }
                } catch (OtpErlangException refused) {
                    continue;
                }
            }
        });
        answers.setDaemon(true);
        answers.start();
        System.out.println("ready " + node.port() + " " + echo.self().creation());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.startsWith("connect ")) {
                System.out.println("connected " + node.ping(line.substring(8), 200));
            }
        }
        System.exit(0);
    }
}
