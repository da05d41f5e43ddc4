# Beside mod_ssl's own stapling: certificates with OCSPStaple On that we can
# serve are ours, all others are mod_ssl's.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 17;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $dead = Staple::Responder->new(pki => $pki);
my %cert = (ours => $pki->cert('ours.example', url => $responder->url),
            theirs => $pki->cert('theirs.example', url => $responder->url),
            both => $pki->cert('both.example', url => $responder->url,
                               san => ['other.example']),
            nourl => $pki->cert('nourl.example'),
            dead => $pki->cert('dead.example', url => $dead->url));

$dead->set('*', 'trylater');
my $server = Staple::Server->new(
    lines => "SSLUseStapling On\nSSLStaplingCache shmcb:run/staples(512000)\n",
    vhosts => [
        { name => 'ours.example', certs => [$cert{ours}],
          lines => "OCSPStaple On\n" },
        { name => 'theirs.example', certs => [$cert{theirs}] },
        { name => 'both.example', certs => [$cert{both}],
          lines => "OCSPStaple On\n" },
        { name => 'other.example', certs => [$cert{both}],
          lines => "OCSPStaple Off\n" },
        { name => 'nourl.example', certs => [$cert{nourl}],
          lines => "OCSPStaple On\nSSLStaplingForceURL " . $responder->url
              . "\n" },
        { name => 'dead.example', certs => [$cert{dead}],
          lines => "OCSPStaple On\n" }])->start;

sub askers { return $_[0]->askers($_[1], 'mod_ssl') }

for my $tls ('1.2', '1.3') {
    my %good = map { $_ => wait_staple($server, "$_.example", tls => $tls) }
        qw(ours theirs both other nourl);
    is(join(' ', map { $good{$_}{cert_status} // 'none' } sort keys %good),
       'good good good good good', "TLS $tls: all five are stapled");
    my $result = staple($server, 'dead.example', tls => $tls);
    ok($result->{ok} && !$result->{sent},
       "TLS $tls: no response for ours is no staple, and not mod_ssl's error");
}
is(askers($responder, 'ours.example'), 'we', 'On: we asked');
is(askers($responder, 'theirs.example'), 'mod_ssl', 'not On: mod_ssl asked');
is(askers($responder, 'nourl.example'), 'mod_ssl',
   'On, but without a URL: mod_ssl asked, which has one from its directive');
is(askers($responder, 'both.example'), 'mod_ssl we',
   'a certificate of two hosts, On and Off: both asked');
is(askers($dead, 'dead.example'), 'we',
   'mod_ssl is not asked in our place while a response is missing');
is($responder->count(name => 'ours.example'), 1, 'once for many handshakes');

# Away from mod_ssl's, as docs/migration.md has it: SSLUseStapling goes first, and
# SSLStaplingCache stays for now.
$server->reconfigure(
    lines => "SSLStaplingCache shmcb:run/staples(512000)\n",
    vhosts => [{ name => 'ours.example', certs => [$cert{ours}],
                 lines => "OCSPStaple On\n" }]);
$server->graceful(wait => 1);
is(staple($server, 'ours.example')->{cert_status}, 'good',
   'a graceful restart without SSLUseStapling: still stapled');

# Stapling of our own, with SSLUseStapling Off.
$server->stop;
$responder->clear_log;
$server->reconfigure(lines => "SSLUseStapling Off\n", vhosts => [
    { name => 'ours.example', certs => [$cert{ours}],
      lines => "OCSPStaple On\n" },
    { name => 'theirs.example', certs => [$cert{theirs}] }])->start;
is(wait_staple($server, 'ours.example')->{cert_status}, 'good',
   'SSLUseStapling Off: ours is stapled');
my $result = staple($server, 'theirs.example');
ok($result->{ok} && !$result->{sent}, 'and nothing else is');
isnt(askers($responder, 'ours.example'), 'mod_ssl', 'mod_ssl did not ask');
is(askers($responder, 'theirs.example'), '', 'nobody asked for the other');
is($server->log_lines(qr/nourl\.example.*not stapled: the certificate names no/),
   1, 'one line said that nourl.example is not ours');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
