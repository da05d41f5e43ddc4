# Who may open the status page: SetHandler in httpd's own configuration, and
# nothing that a tenant could write into a .htaccess.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Server;
use Staple::Status;

my $handler = 'ocspstaple-status';

# A folder of DocumentRoot, its .htaccess, and what a request for FOLDER/page.st
# gets.
my @tenants = (
    ['set', "SetHandler $handler\n", 403],
    ['files', "<Files page.st>\nSetHandler $handler\n</Files>\n", 403],
    ['if', "<If \"true\">\nSetHandler $handler\n</If>\n", 403],
    ['nested', "<Files page.st>\n<If \"true\">\nSetHandler $handler\n</If>\n"
               . "</Files>\n", 403],
    ['expr', "SetHandler \"%{tolower:OCSPSTAPLE-STATUS}\"\n", 403],
    ['add', "AddHandler $handler .st\n", 403],
    ['type', "ForceType $handler\n", 403],
    ['rewrite', "RewriteEngine On\nRewriteRule ^ - [H=$handler]\n", 403],
    ['inner', "SetHandler $handler\n", 403],
    ['other', "SetHandler default-handler\n", 200],
    ['nothing', '', 200],
);

# What the administrator says of a path, and what a request for it gets.
my @admins = (
    ['/status', "<Location /status>\nSetHandler $handler\n</Location>\n"],
    ['/EXPR', "<Location /EXPR>\nSetHandler "
              . "\"ocspstaple-%{tolower:STATUS}\"\n</Location>\n"],
    ['/set/open', "<Location /set/open>\nSetHandler $handler\n</Location>\n"],
    ['/nothing/page.st', "<Directory ROOT/htdocs/nothing>\nSetHandler $handler\n"
                         . "</Directory>\n"],
    ['/other/mine.st', "<LocationMatch ^/other/mine>\nSetHandler $handler\n"
                       . "</LocationMatch>\n"],
    ['/mine.st', "<Files mine.st>\nSetHandler $handler\n</Files>\n"],
    ['/if.st', "<If \"%{REQUEST_URI} == '/if.st'\">\nSetHandler $handler\n"
               . "</If>\n"],
    ['/inner/deep/page.st', "<Directory ROOT/htdocs/inner/deep>\n"
                            . "SetHandler $handler\n</Directory>\n"],
);

plan tests => @tenants + 2 * @admins + 4;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $cert = $pki->cert('a.example', url => 'http://127.0.0.1:9/');
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host mime rewrite)], lines => "TypesConfig /dev/null\n",
    vhosts => [Staple::Server->stapled($cert)]);
my $htdocs = $server->root . '/htdocs';
my $lines = join '', map { $_->[1] } @admins;

$lines =~ s/ROOT/$server->root/ge;
for my $tenant (@tenants) {
    my ($folder, $text) = @$tenant;

    mkdir "$htdocs/$folder" or die "$folder: $!\n";
    write_file("$htdocs/$folder/page.st", "plain\n");
    write_file("$htdocs/$folder/.htaccess", $text);
}
mkdir "$htdocs/inner/deep";
write_file("$htdocs/$_", "plain\n")
    for 'mine.st', 'if.st', 'other/mine.st', 'inner/deep/page.st';
$server->reconfigure(vhosts => [
    Staple::Server->stapled($cert),
    { name => 'plain.example', port => $port, plain => 1,
      lines => "<Directory $htdocs>\nAllowOverride All\nRequire all granted\n"
               . "</Directory>\n$lines" }])->start;

for my $tenant (@tenants) {
    my ($folder, undef, $want) = @$tenant;
    my ($status) = status_get($port, "/$folder/page.st");

    is($status, $want, "the .htaccess of $folder: $want");
}
for my $admin (@admins) {
    my ($path) = @$admin;
    my ($status, undef, $body) = status_get($port, "$path?format=json");

    is($status, 200, "$path: shown");
    like($body, qr/"certificates"/, "$path: the status");
}
my $refused = grep { $_->[2] == 403 } @tenants;
is($server->log_lines(qr/:error\].* OST0133: ocspstaple-status is not shown/),
   $refused, 'a line for each that was refused');
my (undef, undef, $body) = status_get($port, '/set/page.st');
unlike($body, qr/a\.example/, 'and nothing is told');
($body) = (status_get($port, '/other/page.st'))[2];
is($body, "plain\n", 'files are files');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
