# Which certificates are followed by CRLs, told while configuring: those without
# OCSP, their issuers, by which lists; and the ones that are not, with the
# reason.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 64;

my $DAY = 86400;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $lists = 'http://127.0.0.1:9';
# root - middle - below.example: neither names a responder.
my $middle = $pki->cert('middle', ca => 1, issuer => 'root',
                        crl => "$lists/root.crl");
# middle again, with another key, signed with middle's own.
my $rollover = $pki->cert('rollover', ca => 1, issuer => $middle,
                          subject => 'middle');
my @short = (not_before => time - $DAY, not_after => time + 5 * $DAY);
my %cert = (
    ocsp   => $pki->cert('ocsp.example', url => $url, crl => "$lists/ca.crl"),
    crl    => $pki->cert('crl.example', crl => "$lists/ca.crl"),
    pair   => $pki->cert('pair.example',
                         crl => "$lists/a.crl ldap://127.0.0.1/x $lists/b.crl"),
    must   => $pki->cert('must.example', must_staple => 1,
                         crl => "$lists/ca.crl"),
    below  => $pki->cert('below.example', issuer => $middle,
                         crl => "$lists/middle.crl"),
    ldap   => $pki->cert('ldap.example', crl => 'ldap://127.0.0.1/x'),
    off    => $pki->cert('off.example', crl => "$lists/ca.crl"),
    bare   => $pki->cert('bare.example'),
    short  => $pki->cert('short.example', @short),
    shortmust => $pki->cert('shortmust.example', @short, must_staple => 1),
    shortcrl => $pki->cert('shortcrl.example', @short, crl => "$lists/ca.crl"),
    file   => $pki->cert('file.example'),
    quiet  => $pki->cert('quiet.example', crl => "$lists/ca.crl"),
    url    => $pki->cert('url.example', crl => "$lists/not-this.crl"),
);
my %lines = (off => "OCSPStapleCRL off\n",
             file => "OCSPStapleResponder none\nOCSPStapleCRLFile own.crl\n",
             quiet => "OCSPStapleResponder none\n",
             url => "OCSPStapleCRLURL $lists/one.crl $lists/two.crl\n",
             below => "OCSPStapleChainFile " . $pki->ca_file . ' '
                    . $rollover->{leaf} . "\n");
my %reason = (ldap => 'crl_no_url', off => 'certificate_without_url',
              bare => 'certificate_without_url', short => 'short_lived',
              shortmust => 'short_lived', quiet => 'no_source');

my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)], log_level => 'ocspstaple:debug',
    lines => "OCSPStapleStore none\nSSLUseStapling On\n"
             . "SSLStaplingCache shmcb:run/s(512000)\n"
             . "SSLStaplingReturnResponderErrors Off\n"
             . "SSLStaplingFakeTryLater Off\n",
    vhosts => [status_vhost($port),
               (map { { name => "$_.example", certs => [$cert{$_}],
                        lines => "OCSPStaple On\n" . ($lines{$_} // '')
                               . "SSLStaplingForceURL $url\n" } }
                sort keys %cert),
               # Settings that leave no CRL do not count.
               { name => 'again.example', certs => [$cert{crl}],
                 lines => "OCSPStaple On\nOCSPStapleCRL off\n" }],
)->start;

# What the page shows of a certificate's name.
sub shown {
    my ($json, $name) = @_;

    return grep { $_->{subject} eq "CN=$name" } @{ $json->{certificates} };
}

# The line of a list.
sub list {
    my ($path) = @_;

    return $server->log_lines(qr{:debug\].*CRL \Q$path\E(?:, \.\.\.)? is followed});
}

ok(wait_all_stapled($server, ['ocsp.example']), 'one with OCSP is stapled');
my $json = status_json($port);

for my $name (sort keys %cert) {
    my @rows = shown($json, "$name.example");
    my $followed = !$reason{$name};
    my $state = $rows[0] ? $rows[0]{state_reason} // '' : 'none';

    is(@rows, 1, "$name: shown once");
    ok($followed ? $state !~ /^(?:certificate_without_url|no_source|crl_.*)$/
                 : $rows[0]{state} eq 'disabled' && $state eq $reason{$name},
       "$name: " . ($followed ? 'followed' : "disabled, $reason{$name}"))
        or diag($state);
    is($server->log_lines(qr/:info\].*OST0146:.*"CN=$name\.example":\ followed
                             \ by\ its\ CRL,\ and\ not\ stapled/x),
       $followed && $name ne 'ocsp' ? 1 : 0, "$name: what the log says of it");
}
is_deeply([map { $_->{servers} } shown($json, 'crl.example')],
          [['crl.example', 'again.example']],
          'all servers of a certificate that is followed');

# ---- who is warned of ----

is(join("\n", $server->log_lines(
            qr/:warn\].*OST00(?!42|77).*(?:short|crl|bare|ldap)\.example/)),
   '', 'no warning of those that are as they should be');
is($server->log_lines(qr/:warn\].*OST0016.*"CN=$_\.example"/), 1,
   "$_: a warning, as it is must-staple") for qw(must shortmust);
is($server->log_lines(qr/:info\].*OST0147:.*"CN=$_\.example"/), 1, "$_: told")
    for qw(short ldap);
like(($server->log_lines(qr/OST0147:.*"CN=short\.example"/))[0] // '',
     qr/not followed by a CRL, either: .* 7 days at most/, 'short: why');
like(join("\n", $server->log_lines(qr/OST0004/)),
     qr/^.*server quiet\.example[^\n]*$/, 'files of CRLs are something to do');

# ---- lists ----

is(list("$lists/ca.crl"), 1, 'a list that many name is one');
is(list("$lists/a.crl"), 1, 'alternatives are one list');
is(list("$lists/b.crl") + list("$lists/not-this.crl"), 0,
   'and none by itself, nor what a directive replaces');
is(list("$lists/$_.crl"), 1, "the configured list $_") for qw(one two);
is(list($server->root . '/own.crl'), 1, 'a file is a list');
like((list("$lists/middle.crl"))[0] // '', qr/; 2 certificates may have signed/,
     "another certificate of the issuer's may have signed");

# ---- issuers ----

is(shown($json, 'middle'), 1, 'an issuer without OCSP is followed, too');
is(list("$lists/root.crl"), 1, 'by its own list');

# ---- otherwise left alone ----

is(wait_staple($server, 'crl.example')->{cert_status}, 'good',
   "mod_ssl's own stapling goes on");

# ---- the system's CA certificates ----

my $system = new_dir('system');
my %by = (SSL_CERT_FILE => $pki->ca_file, SSL_CERT_DIR => $system);
my $hash = (capture(['openssl', 'x509', '-noout', '-hash', '-in',
                     $pki->ca_file]))[0] =~ s/\s+$//r;
my @below = ({ name => 'below.example', certs => [$cert{below}],
               lines => "OCSPStaple On\n" });

write_file("$system/$hash.0", read_file($pki->ca_file));
$server->stop;
$server->reconfigure(vhosts => [status_vhost($port), @below]);
for my $variable ('none', sort keys %by) {
    my %env = (SSL_CERT_FILE => '/nonexistent', SSL_CERT_DIR => '/nonexistent');

    $env{$variable} = $by{$variable} if $by{$variable};
    $server->mark->start(env => \%env);
    $json = wait_status($port, sub { $_->{refresher}{running} });
    is(shown($json, 'middle'), $by{$variable} ? 1 : 0,
       "issuers' issuers: $variable");
    $server->stop;
}
