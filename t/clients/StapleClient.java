/* A TLS client of Java's own (JSSE): asks for a staple, requires a good one, and
 * says what it got.
 *
 *   java -Djdk.tls.client.enableStatusRequestExtension=true
 *        -Dcom.sun.net.ssl.checkRevocation=true
 *        StapleClient PORT NAME TLSv1.2|TLSv1.3 ANCHOR.pem
 *
 * Each on a line: "handshake VERSION", or "refused WHY"; "staple BYTES SHA1" for
 * each response. */
import java.io.FileInputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class StapleClient {
    /* What trusts the certificate in the file, and asks nobody: without a
     * staple the certificate's status remains unknown. */
    private static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        SSLContext context = SSLContext.getInstance("TLS");

        store.load(null, null);
        try (FileInputStream in = new FileInputStream(file)) {
            store.setCertificateEntry("anchor",
                CertificateFactory.getInstance("X.509")
                    .generateCertificate(in));
        }
        trust.init(store);
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static String sha1(byte[] bytes) throws Exception {
        StringBuilder hex = new StringBuilder();

        for (byte b : MessageDigest.getInstance("SHA-1").digest(bytes)) {
            hex.append(String.format("%02x", b));
        }
        return hex.toString();
    }

    private static void shakeHands(SSLSocket socket, String name,
                                   String version) throws Exception {
        SSLParameters parameters = socket.getSSLParameters();

        parameters.setServerNames(List.of(new SNIHostName(name)));
        parameters.setProtocols(new String[] {version});
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.setSoTimeout(30000);
        socket.startHandshake();

        ExtendedSSLSession session = (ExtendedSSLSession) socket.getSession();
        System.out.println("handshake " + session.getProtocol());
        for (byte[] response : session.getStatusResponses()) {
            if (response.length > 0) {
                System.out.println("staple " + response.length + " "
                                   + sha1(response));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        String name = arguments[1];
        InetAddress here = InetAddress.getByAddress(
            name, new byte[] {127, 0, 0, 1});

        try (SSLSocket socket
                 = (SSLSocket) trusting(arguments[3]).getSocketFactory()
                       .createSocket(here, port)) {
            shakeHands(socket, name, arguments[2]);
        }
        catch (SSLException refusal) {
            System.out.println("refused " + refusal.getMessage());
            System.exit(1);
        }
    }
}
