# What must not start, and what the line says that tells why.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Server;

plan tests => 10;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $cert = $pki->cert('a.example', url => 'http://127.0.0.1:9/');
my $server = Staple::Server->new(
    vhosts => [{ name => 'a.example', certs => [$cert],
                 lines => "OCSPStaple On\n" }]);
my ($text, $status) = $server->configtest;

is($status, 0, 'OCSPStaple On in a virtual host is fine') or diag($text);
like($text, qr/Syntax OK/, 'and httpd -t says so');

for my $value ('Maybe', '"On Off"') {
    $server->reconfigure(vhosts => [{ name => 'a.example', certs => [$cert],
                                      lines => "OCSPStaple $value\n" }]);
    ($text, $status) = $server->configtest;
    isnt($status, 0, "OCSPStaple $value is refused");
    like($text, qr/OCSPStaple: "[^"]*" is not allowed: give On or Off/,
         'the error names directive, value and what is allowed');
}

# mod_ssl is missing: the vhost has no TLS then.
$server->reconfigure(without => ['ssl'], lines => "OCSPStaple On\n",
                     vhosts => []);
ok(!$server->try_start, 'without mod_ssl httpd does not start');
like($server->startup_log . $server->error_log,
     qr/mod_ssl is not loaded.*LoadModule ssl_module modules\/mod_ssl\.so/,
     'and the line says which LoadModule to add');

$server->reconfigure(without => ['ssl'], lines => "OCSPStaple Off\n",
                     vhosts => []);
ok($server->try_start, 'without mod_ssl, but with OCSPStaple Off, it starts');

SKIP: {
    skip 'mod_watchdog is linked into this httpd', 1
        if Staple::Server::is_static('watchdog');
    $server->stop;
    $server->reconfigure(without => ['watchdog'], lines => "OCSPStaple On\n");
    $server->try_start;
    like($server->startup_log . $server->error_log,
         qr/mod_watchdog is not loaded.*LoadModule watchdog_module/,
         'without mod_watchdog: which LoadModule to add');
}
