# A module that offers a certificate when this one has ended registering: it is
# not taken, and nothing else changes.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 3;

my $dir = new_dir('late');
my $module = make_module(write_file("$dir/mod_late.c", <<'END'));
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_ssl.h>

static int offer(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                 server_rec *s)
{
    apr_status_t status =
        ap_ssl_ocsp_prime(s->next, pconf, "01234567890123456789", 20, "no PEM");

    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "late: %d", status);
    return OK;
}

static void hooks(apr_pool_t *p)
{
    ap_hook_post_config(offer, NULL, NULL, APR_HOOK_REALLY_LAST + 10);
}

AP_DECLARE_MODULE(late) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL,
                           NULL, hooks, 0};
END
chmod 0755, $dir;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('early.example', url => $responder->url);
my $server = Staple::Server->new(
    lines => "LoadModule late_module $module\n",
    vhosts => [{ name => 'early.example', certs => [$cert],
                 lines => "OCSPStaple On\n" }]);

$responder->set('*', 'good');
$server->start;
ok($server->wait_log(qr/late: [1-9]/, 30), 'what it offers is not taken');
is(wait_staple($server, 'early.example')->{cert_status}, 'good',
   'the others are stapled');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
