# One certificate on several hosts: the first one's settings hold, told once.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 7;

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
my $alike = "OCSPStaple On\nOCSPStapleInterval 1h\n";
my $server = Staple::Server->new(vhosts => [
    { name => 'off.example', certs => [$cert], lines => "OCSPStaple Off\n" },
    $host->('a.example', 'first'),
    $host->('b.example', 'second'),
    $host->('c.example', 'third'),
    { name => 'same.example', certs => [$same], lines => $alike },
    { name => 'same2.example', certs => [$same], lines => $alike },
])->start;

ok(wait_all_stapled($server, [qw(a.example b.example c.example same.example
                                 same2.example)]), 'all are stapled');
is($responder{first}->count(name => 'a.example'), 1,
   'the first host that wants staples is the one that counts');
is($responder{second}->count + $responder{third}->count, 0,
   'the responders of the others are not asked');
my @lines = $server->log_lines(qr/OST0012/);
is(@lines, 1, 'that they differ is told once') or diag(join "\n", @lines);
like($lines[0] // '', qr/:notice\].*"CN=a\.example".*first virtual host/,
     'about which certificate, and whose settings hold');
is($responder{first}->count(name => 'same.example'), 1,
   'hosts that agree: asked once');
ok(!staple($server, 'off.example')->{sent}, 'and none where it is Off');
