# The module loads in Apache::Test's own server, and httpd knows its directives.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Apache::TestUtil;
use Apache::TestRequest qw(GET);
use Staple::Test;
use Staple::Server;

plan tests => 3;

is(GET('/index.html')->code, 200, 'httpd answers with the module loaded');

my $server = Staple::Server->new(vhosts => []);
my $directives = capture([Staple::Server::httpd(), '-L', '-f',
                          $server->conf]);
like($directives, qr/^OCSPStaple \(mod_ocspstaple\.c\)/m,
     'OCSPStaple is a directive of it');

$server->start;
is(join("\n", $server->bad_lines), '', 'a server without vhosts starts');
