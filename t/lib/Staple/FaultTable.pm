package Staple::FaultTable;

# Each fault that the server tests show: what the responder does, and what the
# log says of it.  docs/faults.md has the same rows, with the figures of a run.

use strict;
use warnings;

# Two responses with one thisUpdate, of which the later one is not known by that.
my $before = '@' . (time - 3600);
my $later = '@' . (time - 3000);
my %before = (this => $before, next => '@' . (time + 86400));

# A row: its name (part of a server name), the fault in words, what the log
# names, the responder's action and its keys (t/tools/README.md), and:
#
#   -gives  'nothing': what was held stays, and what has nothing gets nothing
#           (usual); 'revoked' or 'good': that is what is to be stapled, and
#           the log need not complain
#   -held   action and keys of the response that is held, instead of a good one
#   -new    what may be stapled where nothing was held, beside what it gives:
#           status by status
#   -make   a certificate for extra= or signer=: name and options, as of
#           Staple::PKI::make
#   -others so many hosts more that this responder is, each asked for a
#           certificate; it listens on 'lo'
#   -own    this responder is one of its own: what it does concerns connections
#   -host   the name by which it is asked; -listen, the address where it is
#   -scheme https: that of its URL
#   -asked  what the request is for, where that is not the URL or its path
my %groups = (
    http => [
        [http302 => 'redirects (302)',
         qr/HTTP status other than 200/,
         'http=302', location => 'http://127.0.0.1:9/'],
        [http301 => 'redirects for ever (301 to itself)',
         qr/HTTP status other than 200/, 'http=301', location => '/http301/'],
        [http404 => 'says 404', qr/HTTP status other than 200/, 'http=404'],
        [http429 => 'says 429 with Retry-After',
         qr/HTTP status other than 200/, 'http=429', 'retry-after' => 1],
        [http500 => 'says 500', qr/HTTP status other than 200/, 'http=500'],
        [http503 => 'says 503', qr/HTTP status other than 200/, 'http=503'],
        [http204 => 'says 204, without a body',
         qr/HTTP status other than 200/, 'http=204'],
        [empty => 'sends an empty body', qr/answer is empty/, 'empty'],
        [html => 'sends an HTML page with status 200',
         qr/not of the type that was asked for \(text\/html/, 'html'],
        [type => 'sends a good response with a wrong Content-Type',
         qr/not of the type that was asked for/, 'wrong-type'],
        [gzip => 'sends a good response, compressed',
         qr/not a well-formed OCSP response/, 'gzip'],
        [http09 => 'speaks HTTP/0.9', qr/was asked for \(.*HTTP\/0.9|Invalid status line/,
         'http09'],
        [informational => 'sends 1xx answers for ever',
         qr/in time/, 'informational'],
        [short => 'sends fewer bytes than Content-Length says',
         qr/connection broke|in time/, 'short'],
        [long => 'sends more bytes than Content-Length says',
         '', 'long', -gives => 'good'],
        [huge => 'sends 256 MiB', qr/more than 65527 bytes/, 'huge'],
        [chunks => 'sends chunks without end', qr/more than 65527 bytes/,
         'endless-chunks'],
        [headers => 'sends 1 MiB of header lines',
         qr/connection broke .*headers|larger than|no memory/i,
         'big-headers'],
        [junk => 'sends bytes that are no OCSP',
         qr/not a well-formed OCSP response/, 'junk'],
    ],
    connection => [
        [refuse => 'refuses connections', qr/no connection/, 'refuse',
         -own => 1],
        [mute => 'accepts connections and does nothing', qr/in time/,
         'hang-connect', -own => 1],
        [reset => 'resets the connection', qr/connection broke/, 'reset'],
        [close => 'closes the connection', qr/connection broke/, 'close'],
        [hang => 'reads the request and never answers', qr/in time/, 'hang'],
        [stops => 'stops after the header lines', qr/in time/,
         'hang-after-headers'],
        [half => 'stops in the middle of the body', qr/in time/,
         'hang-half-body'],
        [trickle => 'sends a byte a second', qr/in time/, 'trickle'],
        [body => 'sends a byte of the body a second', qr/in time/, 'trickle',
         part => 'body'],
        [notls => 'is asked by https and speaks http',
         qr/TLS connection|in time/, 'good', -scheme => 'https'],
        [silent => 'does not answer when it is connected to', qr/in time/,
         'silent', -own => 1],
        [silents => 'is one of a hundred hosts that do not answer',
         qr/in time/, 'silent', -own => 1, -listen => 'lo', -others => 100],
    ],
    response => [
        [malformed => 'says malformedRequest', qr/says malformedRequest/,
         'malformed'],
        [internal => 'says internalError', qr/says internalError/, 'internal'],
        [trylater => 'says tryLater', qr/says tryLater/, 'trylater'],
        [sigrequired => 'says sigRequired', qr/says sigRequired/,
         'sigrequired'],
        [unauthorized => 'says unauthorized', qr/says unauthorized/,
         'unauthorized'],
        [status4 => 'says error status 4, which does not exist',
         qr/error status that does not exist|not a well-formed/, 'status=4'],
        [unknown => 'says that it does not know the certificate',
         qr/does not know/, 'unknown'],
        [trailing => 'sends a byte behind a good response',
         qr/not a well-formed OCSP response/, 'good', trailing => 1],
        [serial => 'answers for another serial number',
         qr/says nothing about this certificate/, 'good', serial => 'other'],
        [issuer => 'answers for a certificate of another issuer',
         qr/nothing about this certificate|issuer certificate/,
         'good', issuerhash => 'other'],
        [two => 'sends two answers for the certificate, good and revoked', '',
         'good', two => 'good+revoked', -gives => 'revoked'],
        [critical => 'sends a critical extension that is unknown',
         qr/critical extension/, 'good', critical => 'single'],
        [critical2 => 'the same, of the response as a whole',
         qr/critical extension/, 'good', critical => 'response'],
        [nextbefore => 'sends a nextUpdate before thisUpdate',
         qr/contradict each other/, 'good', this => -60, next => -120],
        [produced => 'sends a producedAt in the future', qr/not valid yet/,
         'good', produced => 7200],
        [expired => 'sends what is out of date', qr/is out of date/, 'good',
         this => -7200, next => -3600],
        [future => 'sends what is not valid yet', qr/is not valid yet/,
         'good', this => 3600, next => 7200],
        [year9999 => 'sends a thisUpdate of the year 9999',
         qr/is not valid yet/, 'good',
         this => '@253402300700', next => '@253402300799'],
        [year1970 => 'sends a nextUpdate of 1970',
         qr/is out of date|contradict/, 'good', this => '@0', next => '@1'],
        [epoch => 'sends a nextUpdate of the first second of 1970',
         qr/cannot be read or contradict/, 'good', this => '@0',
         next => '@0'],
        [version => 'sends a response of version 2', qr/another version than 1/,
         'good', version => 1],
        [digest => 'names the certificate by a digest that is unknown',
         qr/says nothing about this certificate/, 'good',
         certidhash => 'unknown'],
        [legacy => 'names the certificate by a digest that OpenSSL has put away',
         qr/says nothing about this certificate/, 'good',
         certidhash => 'md4'],
        [skew => 'sends what has just ended, within the tolerance',
         qr/is out of date/, 'good', this => -60, next => -30],
        [second => 'sends what ends in a second',
         qr/ends before another|is out of date/, 'good', next => 1,
         -new => ['good'], -held => ['good', this => -60, next => 86400]],
        [sametime => 'replays what was good, where a revocation with the same '
         . 'thisUpdate is held', qr/older than the one held/, 'good',
         %before, produced => $before, -new => ['good'],
         -held => ['revoked', %before, produced => $later]],
        [older => 'replays that it did not know the certificate',
         qr/does not know|older than the one held/, 'unknown', this => -86400],
    ],
    signature => [
        [signature => 'sends a wrong signature',
         qr/signature of the response is wrong/, 'good', flip => 'signature'],
        [content => 'changed what was signed',
         qr/signature of the response is wrong/, 'good', flip => 'tbs'],
        [delegate => 'signs by a delegate whose certificate has expired',
         qr/not valid at this time/, 'good', signer => 'expired-ocsp'],
        [noeku => 'signs by a delegate without OCSPSigning',
         qr/not authorised by the issuer/, 'good', signer => 'noeku'],
        [otherca => 'signs by the delegate of another CA',
         qr/neither the issuer's nor in the response|not authorised/,
         'good', signer => 'other-ocsp'],
        [twin => 'signs by a CA of the same name with another key',
         qr/signature of the response is wrong|not authorised/,
         'good', signer => 'twin-ca'],
        [leaf => 'signs by the certificate itself',
         qr/not authorised by the issuer/, 'good', signer => 'leaf'],
        [nocert => 'does not send the certificate of the delegate',
         qr/neither the issuer's nor in the response/, 'good', certs => 'none',
         signer => 'ocsp'],
        [sha1 => 'signs by SHA-1', qr/no longer trusted/, 'good',
         md => 'sha1'],
        [md5 => 'signs by MD5', qr/no longer trusted/, 'good', md => 'md5'],
        [pss => 'signs by RSA-PSS with SHA-1', qr/no longer trusted/, 'good',
         md => 'sha1', padding => 'pss'],
        [weak => 'signs by a delegate with 512 bits of RSA', qr/is too weak/,
         'good', signer => 'weak-ocsp',
         -make => ['weak-ocsp', delegate => 1, key => 'rsa:512']],
        [weakly => 'signs by a delegate whose certificate is signed by SHA-1',
         qr/no longer trusted/, 'good', signer => 'sha1-ocsp',
         -make => ['sha1-ocsp', delegate => 1, md => 'sha1']],
        [parameters => 'adds 3000 bytes to the name of the algorithm', '',
         'good', sigparams => 3000, -gives => 'good'],
        [appended => 'appends 40 certificates', '', 'good', certs => 40,
         -gives => 'good'],
        [explicit => 'appends 40 certificates whose keys are slow to decode',
         '', 'good', certs => 40, extra => 'explicit', vary => 1,
         -gives => 'good', -make => ['explicit', key => 'explicit']],
    ],
    names => [
        [noname => 'has a name that does not resolve', qr/does not resolve/,
         'good', -host => 'noname.example'],
        [silent => 'has a name whose name server never answers',
         qr/in time|does not resolve/, 'good', -host => 'silent.example'],
        [slow => 'has a name that resolves after a second', '', 'good',
         -host => 'slow.example', -gives => 'good'],
        [many => 'has many addresses of which the first are dead', '', 'good',
         -host => 'many.example', -listen => '127.251.7.7',
         -gives => 'good'],
        [dead => 'has many addresses, all dead', qr/no connection|in time/,
         'good', -host => 'dead.example'],
        [ipv6 => 'is there by IPv6 only', '', 'good',
         -host => 'ipv6.example', -listen => '::1', -gives => 'good'],
        [unreachable => 'is there by IPv6 only, and nobody listens',
         qr/no connection/, 'refuse', -host => 'ipv6.example',
         -listen => '::1', -own => 1],
    ],
    proxies => [
        [passes => 'answers for the responder', '', 'good',
         -host => 'passes.example', -gives => 'good'],
        [hangs => 'reads the request and never answers', qr/in time/, 'hang',
         -host => 'hangs.example'],
        [closes => 'closes the connection', qr/connection broke/, 'close',
         -host => 'closes.example'],
        [portal => 'answers with a page of its own',
         qr/not of the type that was asked for \(text\/html/, 'html',
         -host => 'portal.example'],
        [gateway => 'says 502', qr/HTTP status other than 200/, 'http=502',
         -host => 'gateway.example'],
        [login => 'wants to know who asks (407)',
         qr/HTTP status other than 200/, 'http=407',
         header => 'Proxy-Authenticate: Basic realm="x"',
         -host => 'login.example'],
        [elsewhere => 'redirects (302)', qr/HTTP status other than 200/,
         'http=302', location => 'http://127.0.0.1:9/',
         -host => 'elsewhere.example'],
        [bytes => 'sends bytes that are no OCSP',
         qr/not a well-formed OCSP response/, 'junk',
         -host => 'bytes.example'],
        [tunnel => 'makes no tunnel for https (403)', qr/CONNECT/,
         'http=403', -scheme => 'https', -host => 'tunnel.example',
         -asked => 'tunnel.example:'],
        [broken => 'makes a tunnel and says nothing in it',
         qr/TLS connection|in time|connection broke/, 'hang-after-headers',
         -scheme => 'https', -host => 'broken.example',
         -asked => 'broken.example:'],
    ],
    proxy => [
        [proxy => 'is asked through a proxy that is down', qr/no connection/,
         'good'],
    ],
);

sub groups { my @names = sort keys %groups; return @names }

# The rows of a group: { name, fault, log, action => [..], gives, own... }.
sub rows {
    my ($group) = @_;

    return map {
        my ($name, $fault, $log, $action, %keys) = @$_;
        my %row = (name => $name, fault => $fault, log => $log,
                   gives => 'nothing', new => []);

        for my $key (grep { /^-/ } keys %keys) {
            $row{ substr $key, 1 } = delete $keys{$key};
        }
        +{ %row, action => [$action, %keys] };
    } @{ $groups{$group} or die "there are no faults '$group'\n" };
}

1;
