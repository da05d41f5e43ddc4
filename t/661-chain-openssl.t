# OCSPStapleChain with an OpenSSL before 3.6: one warning says what is needed,
# and the server's own certificate is stapled.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Chain;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 9;

# Where the library here is newer, it is told to deny that.
my $dir = new_dir('older');
my %older;
if (Staple::Chain::can_chain()) {
    write_file("$dir/older.c", "unsigned long OpenSSL_version_num(void)\n"
                               . "{ return 0x30500000UL; }\n");
    capture(['cc', '-shared', '-fPIC', '-o', "$dir/older.so", "$dir/older.c"]);
    %older = (env => { LD_PRELOAD => "$dir/older.so" });
}

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $top = $pki->cert('top', ca => 1, issuer => 'root', url => $url);
my @certs = map { $pki->cert("$_.example", issuer => $top, url => $url) }
    qw(a b off);
my @vhosts = Staple::Server->stapled(@certs);
$_->{lines} .= "OCSPStapleChain On\n" for @vhosts[0, 1];
my $server = Staple::Server->new(
    vhosts => \@vhosts, lines => "OCSPStapleChainFile " . $pki->ca_file . "\n")
    ->start(%older);

ok(wait_all_stapled($server, [map { $_->{name} } @certs], tls => '1.3'),
   'all are stapled');
ok($server->wait_log(qr/OST0044/, 15), 'all is known');
my @responses = staple($server, 'a.example')->{text} =~ /Cert Status: (\w+)/g;
is("@responses", 'good', 'TLS 1.3: one response');
@responses = staple($server, 'a.example', tls => '1.2')->{text}
    =~ /Cert Status: (\w+)/g;
is("@responses", 'good', 'TLS 1.2: one response');

my @lines = $server->log_lines(qr/OST0176/);
is(@lines, 1, 'one warning') or diag(join "\n", @lines);
like($lines[0] // '', qr/:warn\].*server\ [ab]\.example\ .*OCSPStapleChain
                         \ needs\ OpenSSL\ 3\.6\ or\ newer.*built\ with
                         \ OpenSSL\ 3\.\d.*runs\ with\ OpenSSL\ 3\.\d/x,
     'which says what is needed, and what there is');

$server->mark;
$_->{lines} =~ s/Chain On/Chain Off/ for @vhosts[0, 1];
$server->reconfigure(vhosts => \@vhosts)->graceful;
is($server->log_lines(qr/OST0176/, since => 1), 0, 'Off: none');
ok(wait_all_stapled($server, ['a.example'], tls => '1.3'), 'stapled');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
