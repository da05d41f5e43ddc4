// A TLS client of Go's own (crypto/tls): asks for a staple and says what it got.
// It does not judge it; the response is written to a file for who does.
//
//	staple_client PORT NAME 1.2|1.3 ANCHOR.pem [FILE]
//
// Each on a line: "handshake VERSION", or "refused WHY"; "staple BYTES SHA1".
package main

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"
)

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func fail(err error) {
	fmt.Println("refused", err)
	os.Exit(1)
}

func main() {
	port, name, version, anchor := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	roots := x509.NewCertPool()

	pem, err := os.ReadFile(anchor)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		fail(fmt.Errorf("no certificate in %s", anchor))
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 30 * time.Second},
		"tcp", "127.0.0.1:"+port, &tls.Config{
			ServerName: name, RootCAs: roots,
			MinVersion: versions[version], MaxVersion: versions[version]})
	if err != nil {
		fail(err)
	}
	defer conn.Close()

	fmt.Println("handshake", version)
	response := conn.ConnectionState().OCSPResponse
	if len(response) == 0 {
		return
	}
	fmt.Printf("staple %d %x\n", len(response), sha1.Sum(response))
	if len(os.Args) > 5 {
		if err := os.WriteFile(os.Args[5], response, 0644); err != nil {
			fail(err)
		}
	}
}
