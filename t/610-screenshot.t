# The status page in a real browser, wide and narrow, light and dark: nothing is
# wider than its window.  STAPLE_SCREENSHOTS names a folder that keeps the
# pictures.
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

plan tests => 18, need { 'no chromium' => have_tool('chromium') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $long = 'a' . 'n' x 62;
my $middle = $pki->cert('middle', ca => 1, issuer => 'root',
                        url => $responder->url);
my %option = (below => { issuer => $middle },
              evil => { subject => '<script>alert(1)</script>' },
              failing => { must_staple => 1 }, nourl => { url => undef });
my @names = (qw(good below evil revoked unknown failing nourl
                long-name-of-a-virtual-host), $long);

$responder->set('*', 'good', next => 86400, this => -40000);
$responder->set('revoked.example', 'revoked', next => 600);
$responder->set('unknown.example', 'unknown');
$responder->set('middle', 'revoked', reason => 'keyCompromise');
$responder->set('failing.example', 'http=503');
$responder->set("$long.example", 'revoked', reason => 'cessationOfOperation');
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => 'OCSPStapleChainFile ' . $pki->ca_file . "\n",
    vhosts => [status_vhost($port), map { {
        name => "$_.example", lines => "OCSPStaple On\n",
        certs => [$pki->cert("$_.example", url => $responder->url,
                             %{ $option{$_} || {} })] } } @names]);
$server->start;
ok(wait_status($port, sub { $_->{totals}{pending} == 0
                            && $_->{totals}{'issuer-revoked'} == 1
                            && @{ $_->{responders} } }), 'nothing is pending');

my $dir = $ENV{STAPLE_SCREENSHOTS} || new_dir('screenshots');

sub chromium {
    my ($width, $height, @arguments) = @_;

    return (capture(['chromium', '--headless', '--no-sandbox', '--disable-gpu',
                     '--hide-scrollbars', "--user-data-dir=$dir/profile",
                     "--window-size=$width,$height", @arguments],
                    timeout => scale(40)))[0];
}

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
    my $text = chromium(
        $width, $height,
        '--blink-settings=preferredColorScheme=' . ($is_dark ? 0 : 1),
        "--screenshot=$file", "http://127.0.0.1:$port/");
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

# The page has no scripts, and its policy allows none: a copy of it, with all
# details open, in a frame that is so wide, says what its width is.
my (undef, undef, $page) = status_get($port, '/');
$page =~ s/<details>/<details open>/g;
$page .= <<'END';
<script>
const wide = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5
                 || e.matches('.tiles .state')
                    && e.getBoundingClientRect().right
                       > e.parentElement.getBoundingClientRect().right)
    .map(e => e.tagName + '.' + e.className);
parent.postMessage([innerWidth, document.documentElement.scrollWidth, wide], '*');
</script>
END
write_file("$dir/page.html", $page);
for my $width (320, 390, 1100, 1280) {
    write_file("$dir/frame.html", <<"END");
<body><iframe src="page.html" style="border:0;width:${width}px;height:900px">
</iframe><script>
onmessage = e => document.title = 'seen ' + e.data[0] + ' ' + e.data[1] + ' '
                                  + e.data[2].join(' ') + '.';
</script>
END
    my $text = chromium(1600, 1000, '--virtual-time-budget=5000', '--dump-dom',
                        "file://$dir/frame.html");
    my ($window, $needed, $wide) = $text =~ /<title>seen (\d+) (\d+) (.*?)\.</;

    is($window // $text, $width, "$width px: the window is so wide");
    ok(($needed // 9999) <= $width && $wide eq '',
       "$width px: nothing is wider, no mark than its tile")
        or diag("$needed px: $wide");
}
