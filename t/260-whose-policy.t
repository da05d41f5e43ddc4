# One certificate on several hosts: the first one's settings hold, told once.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 14;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my %responder = map { $_ => Staple::Responder->new(pki => $pki) }
    qw(first second third);
my $cert = $pki->cert('a.example', url => 'http://127.0.0.1:9/',
                      san => ['b.example', 'c.example']);
my $same = $pki->cert('same.example', url => $responder{first}->url);
my $host = sub {
    my ($name, $which) = @_;

    return { name => $name, certs => [$cert],
             lines => "OCSPStaple On\n"
                    . "OCSPStapleResponder " . $responder{$which}->url . "\n"
                    . "OCSPStapleResponderAction override\n" };
};
# No URL in these: the settings of one of the hosts give one.
my %nourl = map { $_ => $pki->cert("$_.example") } qw(early late);
my $given = "OCSPStaple On\nOCSPStapleResponder " . $responder{third}->url
          . "\n";
my $alike = "OCSPStaple On\nOCSPStapleInterval 1h\n";
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)], vhosts => [
    { name => 'off.example', certs => [$cert], lines => "OCSPStaple Off\n" },
    $host->('a.example', 'first'),
    $host->('b.example', 'second'),
    $host->('c.example', 'third'),
    { name => 'same.example', certs => [$same], lines => $alike },
    { name => 'same2.example', certs => [$same], lines => $alike },
    { name => 'early.example', certs => [$nourl{early}], lines => $given },
    { name => 'early2.example', certs => [$nourl{early}],
      lines => "OCSPStaple On\n" },
    { name => 'late.example', certs => [$nourl{late}],
      lines => "OCSPStaple On\n" },
    { name => 'late2.example', certs => [$nourl{late}], lines => $given },
    status_vhost($port),
])->start;

ok(wait_all_stapled($server, [qw(a.example b.example c.example same.example
                                 same2.example)]), 'all are stapled');
is($responder{first}->count(name => 'a.example'), 1,
   'the first host that wants staples is the one that counts');
is($responder{second}->count + $responder{third}->count(name => 'a.example'), 0,
   'the responders of the others are not asked');
my @lines = $server->log_lines(qr/OST0012.*a\.example/);
is(@lines, 1, 'that they differ is told once') or diag(join "\n", @lines);
like($lines[0] // '', qr/:notice\].*"CN=a\.example":\ the\ settings\ of\ server
                         \ a\.example\ .*\ not\ those\ of\ server\ b\.example
                         \ .*of\ 1\ more.*\ in\ OCSPStapleResponder$/x,
     'about which certificate, whose settings hold, who differs, in what');
is($responder{first}->count(name => 'same.example'), 1,
   'hosts that agree: asked once');
ok(!staple($server, 'off.example')->{sent}, 'and none where it is Off');

# ---- a host whose settings leave nobody to ask does not count ----

ok(wait_all_stapled($server, [qw(early.example late.example late2.example)]),
   'whichever host names the responder, there are staples');
ok(!staple($server, 'early2.example')->{sent},
   'but not at a host that was refused before another one named it');
is($server->log_lines(qr/early2\.example.*not stapled: .*names no/), 1,
   'as a line says');
my $json = status_json($port);
is($json->{totals}{disabled}, 0, 'no certificate is disabled');
is_deeply([map { @{ $_->{servers} } }
           sort { $a->{subject} cmp $b->{subject} }
           grep { $_->{subject} =~ /early|late/ } @{ $json->{certificates} }],
          [qw(early.example late.example late2.example)],
          'and each has the hosts that are served');
is($responder{third}->count, 2, 'each is asked about once');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
