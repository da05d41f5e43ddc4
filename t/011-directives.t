# Every directive: what it refuses and says then, and what the dump shows.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Server;

my $times = 'as whole seconds or as a whole number with unit s, mi, h or d';
my $urls = 'give http:// or https:// URLs, or none';

# Directive, values that it refuses, what its error says is allowed.
my @rows = (
    ['OCSPStaple', ['Maybe', '1'], 'give On or Off'],
    ['OCSPStapleInterval',
     ['59', '0', '-1', '31536001', '366d', '1.5h', '60m', 'auto', '60S',
      '99999999999999999999', 'x'],
     "give 60 to 31536000 seconds, $times"],
    ['OCSPStapleTimeout', ['0', '301', '6mi', 'none'],
     "give 1 to 300 seconds, $times"],
    ['OCSPStapleRetryInterval', ['0', '86401', '2d', 'automatic'],
     "give auto or 1 to 86400 seconds, $times"],
    ['OCSPStapleMaxTries', ['0', '10001', '3x', '-3', '3.0', 'unlimited'],
     'give none or a whole number from 1 to 10000'],
    ['OCSPStapleResponderAction', ['both', 'fail-over'],
     'give one of failover, override'],
    ['OCSPStapleMethod', ['put', 'post,get', 'postget'],
     'give one of post-get, get-post, post, get'],
    ['OCSPStapleNonce', ['yes', '32'], 'give On or Off'],
    ['OCSPStapleCertID', ['sha-256', 'md5', 'sha512', 'On'],
     'give one of sha1, sha256, auto'],
    ['OCSPStapleClockSkew', ['-1', '3601', '2h'],
     "give 0 to 3600 seconds, $times"],
    ['OCSPStapleMaxAge', ['59', '366d'],
     "give 60 to 31536000 seconds, $times"],
    ['OCSPStapleIssuerCheck', ['sometimes'], 'give On or Off'],
    ['OCSPStapleChain', ['all', '2'], 'give On or Off'],
    ['OCSPStapleCRL', ['On', 'never', 'fall-back'],
     'give one of off, fallback, always'],
    ['OCSPStapleCRLMaxSize',
     ['65535', '63K', '1073741825', '1025M', '2G', '1T', '64k', '1.5M', 'M', '-1',
      '9999999999999999999999999M', 'none'],
     'give 65536 to 1073741824 bytes, as a whole number, or as one with the '
     . 'unit K, M or G'],
    ['OCSPStapleStartWait', ['0', '601', '11mi', 'all', 'On', '1.5'],
     "give none, must-staple or 1 to 600 seconds, $times"],
    ['OCSPStapleCRLURL',
     ['ldap://a.example/x', 'a.example/ca.crl', 'http://u:p@a.example/ca.crl',
      'http://a.example/' . 'x' x 2040], $urls],
    ['OCSPStapleRevokedScore', ['-1', '5.1', '0.55', 'high'],
     'give a number from 0.0 to 5.0 with at most one decimal'],
    ['OCSPStapleConcurrency', ['0', '1001', 'many'],
     'give a whole number from 1 to 1000'],
    ['OCSPStapleMaxSize', ['4095', '65528', '16k', 'none'],
     'give a whole number from 4096 to 65527'],
    ['OCSPStapleResponder',
     ['ftp://a.example/', 'a.example', 'http://', 'http://u:p@a.example/',
      'http://u@a.example/', 'http://a.example:0/', 'http://a.example:65536/',
      '"http://a.example/a b"', 'file:///etc/passwd', '"http://a.example/\""',
      'http://a.example/#x', 'http://a.example/' . 'x' x 2040], $urls],
    ['OCSPStapleProxy',
     ['a.example:3128', 'http://u:p@a.example/', 'https://u:p@a.example/',
      'socks5://a.example/', 'http://'],
     'give an http:// or https:// URL of host and port without user and '
     . 'password, or none'],
    ['OCSPStapleNoProxy',
     ['*', 'a..example', '.', 'a.example.', '10.0.0.0/0', '10.0.0.0/33',
      '10.0.0/8', 'fd00::/8', '[::1]', 'a.example:80', 'http://a.example/',
      'a,b', '10.0.0.0/x'],
     'give names of hosts or domains, IP addresses, or IPv4 networks as '
     . '10.0.0.0/8, or none'],
    ['OCSPStapleProxyCAFile', ['/no/such/file', '/etc/passwd', '/'],
     'give a file of certificates in PEM, or none'],
    ['OCSPStapleProxyCredentials', ['/no/such/file', '/etc/passwd', '/'],
     'give a file with one line, user:password, that its owner alone may read, '
     . 'or none'],
    ['OCSPStapleEventLog', ['"|"'], 'give a file, or "|program'],
    ['OCSPStapleEventCommand', ['/no/such/program', '/etc/passwd', '/'],
     'give its path and its arguments'],
    ['OCSPStapleLogExclude', ['revokd', '"+revoked none"', '+'],
     'give any of revoked, issuer-revoked, stale, unavailable, or none'],
);
my @alone = qw(OCSPStapleResponder OCSPStapleResponseFile OCSPStapleChainFile
               OCSPStapleCRLURL OCSPStapleCRLFile OCSPStapleNoProxy);
my @server_only = (['OCSPStapleConcurrency', 5],
                   ['OCSPStapleCRLMaxSize', '1M'],
                   ['OCSPStapleStartWait', '10s'],
                   ['OCSPStapleEventLog', 'log'],
                   ['OCSPStapleEventCommand', '/bin/true'],
                   ['OCSPStapleShared', 'none'],
                   ['OCSPStapleStore', 'none']);
my $bad = 0;
$bad += @{ $_->[1] } for @rows;

plan tests => 2 * $bad + 2 * @alone + @server_only + 57;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $cert = $pki->cert('a.example', url => 'http://127.0.0.1:9/');
my $server = Staple::Server->new;

sub configtest {
    my ($main, $vhost) = @_;

    $server->reconfigure(lines => $main, vhosts => [
        { name => 'a.example', certs => [$cert], lines => $vhost }]);
    return $server->configtest;
}

for my $row (@rows) {
    my ($name, $values, $allowed) = @$row;

    for my $value (@$values) {
        my ($text, $status) = configtest("$name $value\n", '');
        my $shown = length $value > 40 ? substr($value, 0, 40) . '...' : $value;
        my $plain = $value =~ s/^"(.*)"$/$1/r =~ s/\\"/"/gr;

        ok($status ne '0', "$name $shown: refused");
        ok(index($text, "$name: \"") >= 0 && index($text, $allowed) >= 0
               && index($text, "\"$plain") >= 0,
           "$name $shown: the error names directive, value, what is allowed")
            or diag($text);
    }
}
for my $name (@alone) {
    my $value = $name =~ /File$/ ? 'file'
              : $name =~ /URL$|Responder$/ ? 'http://a.example/' : 'a.example';

    for my $both ("none $value", "$value none") {
        my ($text, $status) = configtest("$name $both\n", '');
        ok($status && $text =~ /$name: "none" stands alone/,
           "$name $both: none stands alone") or diag($text);
    }
}
for my $row (@server_only) {
    my ($name, $value) = @$row;
    my ($text, $status) = configtest('', "$name $value\n");

    ok($status && $text =~ /$name cannot occur within <VirtualHost> section/,
       "$name: not in a virtual host") or diag($text);
}

my ($text, $status) = configtest("OCSPStapleShared nosuch:127.0.0.1\n", '');
ok($status && $text =~ /OCSPStapleShared:\ there\ is\ no\ provider\ "nosuch":\ give
                        \ provider:arguments\ or\ none/x,
   'OCSPStapleShared: a provider that is not there') or diag($text);
($text, $status) = configtest("OCSPStapleInterval \n", '');
ok($status && $text =~ /OCSPStapleInterval takes one argument/,
   'no value at all') or diag($text);

# ---- files of the proxy's ----

my $secret = $server->root . '/secret';

sub credentials {
    my ($content, $mode) = @_;

    write_file($secret, $content);
    chmod oct $mode, $secret or die "$secret: $!\n";
    return configtest("OCSPStapleProxy http://127.0.0.1:9/\n"
                      . "OCSPStapleProxyCredentials secret\n", '');
}

for my $row (["me:word\n", '600'], ["me:word", '400'], ["me:\n", '600'],
             ["me:a b:c\r\n", '700']) {
    my ($content, $mode) = @$row;

    ($text, $status) = credentials($content, $mode);
    is($status, 0, 'credentials that are taken') or diag($text);
}
for my $row (["me:hidden\n", '640', 'group or others may read or write it'],
             ["me:hidden\n", '604', 'group or others may read or write it'],
             ["me:hidden\n", '620', 'group or others may read or write it'],
             ["hidden\n", '600', 'its first line is not user:password'],
             [":hidden\n", '600', 'its first line is not user:password'],
             ["me:hid\tden\n", '600', 'its first line is not user:password'],
             ['', '600', 'its first line is not user:password'],
             ['me:hidden' x 60, '600', 'it has more than 512 bytes']) {
    my ($content, $mode, $why) = @$row;

    ($text, $status) = credentials($content, $mode);
    ok($status && index($text, 'OCSPStapleProxyCredentials: "secret" is not '
                               . "used: $why") >= 0,
       "credentials, mode $mode: $why") or diag($text);
    unlike($text, qr/hid/, 'and nothing of them is told');
}
($text, $status) = configtest("OCSPStapleProxy https://127.0.0.1:9/\n"
                              . 'OCSPStapleProxyCAFile ' . $pki->ca_file . "\n",
                              '');
is($status, 0, 'a file of CAs') or diag($text);

# ---- combinations ----

($text, $status) = configtest('', "OCSPStaple On\nOCSPStapleNoProxy a.example\n");
is($status, 0, 'no proxy, and something without it: it starts');
like($text, qr/OST0152.*a\.example.*have no effect without OCSPStapleProxy/,
     'no proxy, and something without it: a warning');
($text, $status) = configtest("OCSPStapleNoProxy a.example\n",
                              "OCSPStaple On\nOCSPStapleProxy none\n");
unlike($text, qr/OST0152/, 'a proxy that was switched off: no warning');

($text, $status) = configtest('', "OCSPStaple On\n"
                                     . "OCSPStapleResponderAction override\n");
ok($status, 'override without a list: refused');
like($text, qr/OST0003.*a\.example.*add OCSPStapleResponder/,
     'override without a list: what to do');

($text, $status) = configtest("OCSPStapleResponderAction override\n"
                              . "OCSPStapleResponder http://127.0.0.1:9/\n",
                              "OCSPStaple On\n");
is($status, 0, 'override with an inherited list: fine') or diag($text);

for my $main ('', "<VirtualHost 127.0.0.1:1>\nOCSPStaple On\n</VirtualHost>\n") {
    my $what = $main ? 'OCSPStaple On elsewhere' : 'OCSPStaple On nowhere';
    ($text, $status) = configtest($main, "OCSPStapleInterval 60\n");
    is($status, 0, "$what, policy where it is Off: it starts");
    like($text, qr/OST0002.*server a\.example .*have no effect/,
         "$what, policy where it is Off: a warning");
}
($text) = configtest("OCSPStapleInterval 60\nOCSPStaple On\n",
                     "OCSPStaple Off\n");
unlike($text, qr/OST0002/, 'an inherited policy where it is Off: no warning');
($text) = configtest('', "OCSPStaple On\nOCSPStapleRetryInterval 2h\n"
                         . "OCSPStapleInterval 1h\n");
like($text, qr/OST0005.*OCSPStapleRetryInterval is longer/,
     'a retry interval beyond the interval: a warning');

# ---- the dump ----

my $root = $server->root;
configtest(<<'MAIN', <<'VHOST');
OCSPStaple On
OCSPStapleInterval 2h
OCSPStapleConcurrency 7
OCSPStapleMaxSize 20000
OCSPStapleCRLMaxSize 2M
OCSPStapleCRLURL http://127.0.0.1:5/a.crl
OCSPStapleProxy http://127.0.0.1:3128/
OCSPStapleEventLog events.log
OCSPStapleEventCommand /bin/echo one "two three"
OCSPStapleResponder http://127.0.0.1:1/ http://127.0.0.1:2/
MAIN
OCSPStapleTimeout 1mi
OCSPStapleRetryInterval 30
OCSPStapleMaxTries 3
OCSPStapleResponderAction override
OCSPStapleMethod get
OCSPStapleNonce On
OCSPStapleCertID SHA256
OCSPStapleClockSkew 0
OCSPStapleMaxAge 1d
OCSPStapleResponder http://127.0.0.1:3/x
OCSPStapleResponseFile one.der
OCSPStapleResponseFile /two.der
OCSPStapleChainFile chain.pem
OCSPStapleIssuerCheck Off
OCSPStapleChain On
OCSPStapleCRL Always
OCSPStapleCRLURL none
OCSPStapleCRLFile one.crl /two.crl
OCSPStapleNoProxy .internal.example 10.0.0.0/8 ::1
OCSPStapleRevokedScore 1.5
OCSPStapleLogExclude revoked stale
VHOST
($text, $status) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
is($status, 0, 'the dump') or diag($text);
my ($main, $vhost) = $text =~ /^(main\ server\ .*?)^(virtual\ host\ .*)/msx;
my %main = ($main // '') =~ /^  (OCSPStaple\w*) (.*)$/mg;
my %vhost = ($vhost // '') =~ /^  (OCSPStaple\w*) (.*)$/mg;

is_deeply(\%main, {
    OCSPStaple => 'On', OCSPStapleInterval => 7200, OCSPStapleTimeout => 10,
    OCSPStapleRetryInterval => 'auto', OCSPStapleMaxTries => 'none',
    OCSPStapleResponderAction => 'failover', OCSPStapleMethod => 'post-get',
    OCSPStapleNonce => 'Off', OCSPStapleCertID => 'auto', OCSPStapleClockSkew => 300,
    OCSPStapleMaxAge => 604800, OCSPStapleIssuerCheck => 'On',
    OCSPStapleChain => 'Off',
    OCSPStapleRevokedScore => '0.0', OCSPStapleConcurrency => 7,
    OCSPStapleMaxSize => 20000, OCSPStapleCRL => 'fallback',
    OCSPStapleStartWait => 'must-staple',
    OCSPStapleCRLMaxSize => 2097152, OCSPStapleCRLFile => 'none',
    OCSPStapleCRLURL => 'http://127.0.0.1:5/a.crl',
    OCSPStapleResponder => 'http://127.0.0.1:1/ http://127.0.0.1:2/',
    OCSPStapleResponseFile => 'none', OCSPStapleChainFile => 'none',
    OCSPStapleLogExclude => 'all', OCSPStapleEventLog => "$root/events.log",
    OCSPStapleProxy => 'http://127.0.0.1:3128/', OCSPStapleShared => 'none',
    OCSPStapleProxyCAFile => 'none', OCSPStapleProxyCredentials => 'none',
    OCSPStapleNoProxy => 'none',
    OCSPStapleEventCommand => '/bin/echo one two three',
    OCSPStapleStore => "$root/store",
}, 'the dump: the main server, complete');
is_deeply(\%vhost, {
    OCSPStaple => 'On', OCSPStapleInterval => 7200, OCSPStapleTimeout => 60,
    OCSPStapleRetryInterval => 30, OCSPStapleMaxTries => 3,
    OCSPStapleResponderAction => 'override', OCSPStapleMethod => 'get',
    OCSPStapleNonce => 'On', OCSPStapleCertID => 'sha256', OCSPStapleClockSkew => 0,
    OCSPStapleMaxAge => 86400, OCSPStapleIssuerCheck => 'Off',
    OCSPStapleChain => 'On',
    OCSPStapleRevokedScore => '1.5', OCSPStapleCRL => 'always',
    OCSPStapleCRLFile => "$root/one.crl /two.crl",
    OCSPStapleProxy => 'http://127.0.0.1:3128/',
    OCSPStapleNoProxy => '.internal.example 10.0.0.0/8 ::1',
    OCSPStapleResponder => 'http://127.0.0.1:3/x',
    OCSPStapleResponseFile => "$root/one.der /two.der",
    OCSPStapleChainFile => "$root/chain.pem",
    OCSPStapleLogExclude => 'revoked stale',
}, 'the dump: the virtual host, what differs from the default');
like($vhost, qr/^virtual host a\.example \(\S+httpd\.conf:\d+\)/,
     'the dump: where it stands');

configtest('', '');
($text) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
%main = $text =~ /^  (OCSPStaple\w*) (.*)$/mg;
is($main{OCSPStapleResponder}, '(no list)', 'the dump: no list');
configtest('', "OCSPStapleResponder none\n");
($text) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
like($text, qr/^  OCSPStapleResponder none$/m, 'the dump: nobody to ask');
($text) = $server->configtest;
unlike($text, qr/^  OCSPStaple/m, 'no dump unless it is asked for');

# ---- units ----

for my $row (['90', 90], ['90s', 90], ['2mi', 120], ['3h', 10800],
             ['365d', 31536000], ['60', 60], ['060', 60]) {
    configtest("OCSPStapleInterval $row->[0]\n", '');
    ($text) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
    like($text, qr/^  OCSPStapleInterval $row->[1]$/m,
         "OCSPStapleInterval $row->[0] is $row->[1] s");
}
for my $row (['none', 'none'], ['Must-Staple', 'must-staple'], ['1', 1],
             ['10mi', 600]) {
    configtest("OCSPStapleStartWait $row->[0]\n", '');
    ($text) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
    like($text, qr/^  OCSPStapleStartWait $row->[1]$/m,
         "OCSPStapleStartWait $row->[0] is $row->[1]");
}
for my $row (['65536', 65536], ['64K', 65536], ['32M', 33554432],
             ['1G', 1073741824]) {
    configtest("OCSPStapleCRLMaxSize $row->[0]\n", '');
    ($text) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
    like($text, qr/^  OCSPStapleCRLMaxSize $row->[1]$/m,
         "OCSPStapleCRLMaxSize $row->[0] is $row->[1] bytes");
}
