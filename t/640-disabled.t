# Certificates that cannot be stapled are shown as disabled, with the reason,
# and otherwise left alone: nobody asks about them, and mod_ssl may staple them.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $events = Staple::Events->new;
my $store = new_dir('store');
my %cert = (
    good     => $pki->cert('good.example', url => $url),
    nourl    => $pki->cert('nourl.example'),
    must     => $pki->cert('must.example', must_staple => 1),
    self     => $pki->cert('self.example', url => $url, self_signed => 1),
    noissuer => $pki->cert('noissuer.example', url => $url),
    none     => $pki->cert('none.example', url => $url),
    wrong    => $pki->cert('wrong.example', url => $url),
);
my %reason = (nourl => 'certificate_without_url',
              must => 'certificate_without_url',
              self => 'certificate_self_signed', noissuer => 'issuer_missing',
              none => 'no_source', wrong => 'issuer_missing');
my %lines = (none => "OCSPStapleResponder none\n",
             nourl => "SSLStaplingForceURL $url\n");

plan tests => 8 * keys(%reason) + 46;

# Files without the issuer, and with another CA instead.
$cert{noissuer}{chain} = $cert{noissuer}{leaf};
$cert{wrong}{chain} = $events->dir . '/wrong.pem';
write_file($cert{wrong}{chain}, join '', map { read_file($_) }
           $cert{wrong}{leaf}, $pki->file('other-ca'));

my $port = Staple::Server->another_port;
my @shown = map { { name => "$_.example", certs => [$cert{$_}],
                    lines => "OCSPStaple On\n" . ($lines{$_} // '') } }
    sort keys %cert;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => $events->lines
             . "SSLUseStapling On\nSSLStaplingCache shmcb:run/s(512000)\n"
             . "SSLStaplingReturnResponderErrors Off\n"
             . "SSLStaplingFakeTryLater Off\n"
             . "OCSPStapleStore $store\nOCSPStapleRevokedScore 1.5\n"
             . $events->access_lines(qw(STATUS SENT)),
    vhosts => [status_vhost($port), @shown,
               { name => 'another.example', certs => [$cert{nourl}],
                 lines => "OCSPStaple On\n" },
               { name => 'off.example', certs => [$cert{good}],
                 lines => "OCSPStaple Off\n" },
               { name => 'plain.example', plain => 1,
                 port => Staple::Server->another_port,
                 lines => "OCSPStaple On\nOCSPStapleResponder none\n" },
    ])->start;

sub document { return wait_status($port, sub { $_->{refresher}{running}
                                               && $_->{totals}{good} == 1 }) }

sub is_shown {
    my ($json, $when) = @_;
    my %by_serial = map { $_->{serial} => $_ } @{ $json->{certificates} };

    is($json->{totals}{disabled}, keys %reason, "$when: totals count them");
    is($json->{totals}{certificates}, keys %cert, "$when: all is counted");
    is(scalar(@{ $json->{certificates} }), keys %cert, "$when: each once");
    is_deeply([map { $by_serial{ uc $cert{$_}{serial} }{state} }
                   sort keys %reason],
              [('disabled') x keys %reason], "$when: their state");
    return \%by_serial;
}

ok(wait_all_stapled($server, ['good.example']), 'the good one is stapled');
like(join("\n", $server->log_lines(qr/OST0004/)),
     qr/^.*:warn\].*server none\.example \(.*nothing to staple$/,
     'nobody to ask and no file: a warning, but not without a certificate');
my $json = document();
my $by_serial = is_shown($json, 'start');

for my $name (sort keys %reason) {
    my $shown = $by_serial->{ uc $cert{$name}{serial} };

    is($shown->{state_reason}, $reason{$name}, "$name: why");
    is($shown->{subject}, "CN=$name.example", "$name: subject");
    like($shown->{issuer}, $name eq 'self' ? qr/^CN=self\.example$/
                                           : qr/^CN=Test CA/, "$name: issuer");
    is_deeply([@$shown{qw(staple next_refresh last_attempt error)}],
              [undef, undef, undef, undef], "$name: nothing held or planned");
    is_deeply($shown->{responders}, [], "$name: nobody is asked");
    is($shown->{score}, 5, "$name: score");
    is_deeply($shown->{conditions}, $name eq 'must' ? ['must-staple'] : [],
              "$name: significant is a missing staple that clients insist on");
    like($shown->{state_since}, qr/^20.*Z$/, "$name: since");
}
is_deeply($by_serial->{ uc $cert{nourl}{serial} }{servers},
          ['nourl.example', 'another.example'],
          'servers: in the order of the configuration');
my %row = map { $_->{name} => $_ } @{ $json->{servers} };
is_deeply([@{ $row{'self.example'} }{qw(certificates score fault)}],
          [1, 5, undef], 'servers: a row, and no fault');
ok(!$row{'off.example'}, 'servers: none where OCSPStaple is Off');

# ---- metrics, page, mod_status ----

my (undef, undef, $body) = status_get($port, '/?format=prometheus');
is(status_metrics($body)->{'ocspstaple_certificates{state="disabled"}'},
   keys %reason, 'metrics: disabled');
is(status_metrics($body)->{'ocspstaple_significant{condition="must-staple"}'},
   1, 'metrics: must-staple');
(undef, undef, my $page) = status_get($port, '/?state=disabled');
for my $why ('names no OCSP responder', 'is self-signed',
             'its issuer is not configured', 'no responder may be asked') {
    like($page, qr/state disabled">disabled<.{0,40}[^<]*\Q$why\E/s,
         "page: $why");
}
is(scalar(my @rows = $page =~ /<tr[^>]*><th scope="row"[^>]*><span class="name">CN=\w+\.example/g),
   keys %reason, 'page: each of them');
like($page, qr/>1 must-staple certificate has no staple: clients refuse it \(must\.example\)</,
     'page: the worst');
like($page, qr/>2 certificates cannot be stapled: issuer missing[^<]*wrong\.example/,
     'page: what names a responder, and why not');
(undef, undef, $page) = status_get($port, '/?find=another.ex&sort=next');
like($page, qr/CN=nourl\.example.*no requests are made/s,
     'page: found by a server name');
(undef, undef, $body) = status_get($port, '/server-status?auto');
like($body, qr/^OCSPStaplingDisabled: @{[scalar keys %reason]}$/m,
     'mod_status: ?auto');

# ---- otherwise left alone ----

is(wait_staple($server, 'nourl.example')->{cert_status}, 'good',
   "mod_ssl's own stapling goes on");
ok(!grep({ $_->{name} ne 'good.example'
           && ($_->{headers}{'user-agent'} // '') =~ /^mod_ocspstaple/ }
         $responder->requests), 'we asked about none of them');
is(join(' ', map { "$_->{event}:$_->{certificate}{subject}" } $events->all), '',
   'no event');
is($server->log_lines(qr/OST0044.*1 of 1 certificates are good/), 1,
   'the line that sums up counts the others');
is($server->log_lines(qr/OST0021/), 0, 'there is a certificate to staple');
opendir my $files, $store or die "$store: $!\n";
ok(!grep({ /^\Q$by_serial->{ uc $cert{nourl}{serial} }{sha256}\E/ }
         readdir $files), 'nothing is stored of them');
SKIP: {
    skip 'no curl', 2 if !have_tool('curl');
    is($events->access($server, 'nourl.example'), '- -', 'no variables');
    is($events->access($server, 'good.example'), 'good no', 'but for others');
}

# ---- graceful restarts ----

$server->graceful;
is_shown(document(), 'graceful');
is(staple($server, 'good.example')->{cert_status}, 'good',
   'graceful: the good one still is');

# Nothing but disabled ones.
$server->reconfigure(vhosts => [status_vhost($port),
                                grep { $_->{name} ne 'good.example' } @shown]);
$server->mark->graceful;
$json = wait_status($port, sub { $_->{refresher}{running}
                                 && $_->{totals}{good} == 0 });
is($json->{totals}{disabled}, keys %reason, 'none else: they are shown');
is($server->log_lines(qr/OST0021/, since => 1), 1, 'none else: that is told');
is($server->log_lines(qr/OST0044/, since => 1), 0, 'none else: nothing to sum up');
(undef, undef, $page) = status_get($port, '/');
like($page, qr/>no certificate can be stapled</, 'none else: the page says so');
unlike($page, qr/all is well|does not run/, 'none else: and no more');
my ($text, $status) = capture([top_builddir() . '/ocspstaple', 'status',
                               "http://127.0.0.1:$port/?format=json"]);
is($status > 255 ? $status >> 8 : $status, 2, 'ocspstaple status: must-staple is critical') or diag $text;
like($text, qr/^disabled .*CN=self\.example/m, 'ocspstaple status: the table');
$server->reconfigure(vhosts => [status_vhost($port), @shown]);
$server->graceful;
is_shown(document(), 'one more');
is(wait_staple($server, 'good.example')->{cert_status}, 'good',
   'and the one that can be stapled is');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
