# The status page in a real browser, wide and narrow, light and dark;
# STAPLE_SCREENSHOTS names a folder that keeps the pictures.
use strict;
use warnings;

use Compress::Zlib qw(uncompress);
use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 10, need { 'no chromium' => have_tool('chromium') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my %option = (evil => { subject => '<script>alert(1)</script>' },
              failing => { must_staple => 1 }, nourl => { url => undef });
my @names = qw(good evil revoked unknown failing nourl
               long-name-of-a-virtual-host);

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

# How light the first pixel of a picture is, 0 to 255.
sub first_light {
    my ($png) = @_;
    my ($data, $at) = ('', 8);

    while ($at + 12 <= length $png) {
        my ($len, $type) = unpack "x$at N a4", $png;
        $data .= substr $png, $at + 8, $len if $type eq 'IDAT';
        $at += $len + 12;
    }
    my (undef, @rgb) = unpack 'C4', uncompress($data) // '';
    return @rgb == 3 ? ($rgb[0] + $rgb[1] + $rgb[2]) / 3 : -1;
}

for my $size ([wide => 1400, 1500], [narrow => 390, 2600],
              ['wide-dark' => 1400, 1500]) {
    my ($name, $width, $height) = @$size;
    my $is_dark = $name =~ /dark/;
    my $file = "$dir/$name.png";
    my ($text) = capture(
        ['chromium', '--headless', '--no-sandbox', '--disable-gpu',
         '--hide-scrollbars', "--user-data-dir=$dir/profile",
         '--blink-settings=preferredColorScheme=' . ($is_dark ? 0 : 1),
         "--window-size=$width,$height", "--screenshot=$file",
         "http://127.0.0.1:$port/"], timeout => scale(40));
    my $png = read_file($file) // '';
    my $light = first_light($png);

    is(substr($png, 0, 8), "\x89PNG\r\n\x1a\n", "$name: a picture is made")
        or diag($text);
    ok($is_dark ? $light >= 0 && $light < 64 : $light > 192,
       "$name: its page is " . ($is_dark ? 'dark' : 'light'))
        or diag($light);
    unlike($text, qr/Content Security Policy|Refused to/,
           "$name: the policy stands in the way of nothing");
}
