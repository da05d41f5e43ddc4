# The status page in a real browser, wide and narrow; STAPLE_SCREENSHOTS names
# a folder that keeps the pictures.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 5, need { 'no chromium' => have_tool('chromium') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my %option = (evil => { subject => '<script>alert(1)</script>' },
              failing => { must_staple => 1 });
my @names = qw(good evil revoked unknown failing long-name-of-a-virtual-host);

$responder->set('*', 'good', next => 86400, this => -40000);
$responder->set('revoked.example', 'revoked', next => 600);
$responder->set('unknown.example', 'unknown');
$responder->set('failing.example', 'http=503');
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    vhosts => [status_vhost($port), map { {
        name => "$_.example", lines => "OCSPStaple On\n",
        certs => [$pki->cert("$_.example", url => $responder->url,
                             %{ $option{$_} || {} })] } } @names]);
$server->start;
ok(wait_status($port, sub { $_->{totals}{pending} == 0
                            && @{ $_->{responders} } }), 'nothing is pending');

my $dir = $ENV{STAPLE_SCREENSHOTS} || new_dir('screenshots');
for my $size ([wide => 1400, 1500], [narrow => 390, 2600]) {
    my ($name, $width, $height) = @$size;
    my $file = "$dir/$name.png";
    my ($text) = capture(
        ['chromium', '--headless', '--no-sandbox', '--disable-gpu',
         '--hide-scrollbars', "--user-data-dir=$dir/profile",
         "--window-size=$width,$height", "--screenshot=$file",
         "http://127.0.0.1:$port/"], timeout => scale(40));
    my $png = read_file($file) // '';

    is(substr($png, 0, 8), "\x89PNG\r\n\x1a\n", "$name: a picture is made")
        or diag($text);
    unlike($text, qr/Content Security Policy|Refused to/,
           "$name: the policy stands in the way of nothing");
}
