# OCSPStapleProxy: a real proxy sees the requests, and its absence is told.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port spawn reap);
use Staple::Responder;
use Staple::Server;

plan tests => 7, need { 'no tinyproxy' => have_tool('tinyproxy') };

my $dir = new_dir('proxy');
my $port = free_port();
write_file("$dir/conf", <<"END");
Port $port
Listen 127.0.0.1
Timeout 60
LogFile "$dir/log"
LogLevel Connect
MaxClients 20
Allow 127.0.0.1
DisableViaHeader No
ViaProxyName "tinyproxy"
END

my $pid;
sub start_proxy {
    $pid = spawn(['tinyproxy', '-d', '-c', "$dir/conf"], "$dir/output");
    return wait_until(sub {
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $port);
    }, 10);
}

sub stop_proxy {
    kill 'KILL', $pid;
    return reap($pid, 10);
}

ok(start_proxy(), 'tinyproxy runs');
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = map { $pki->cert($_, url => $responder->url) }
    qw(a.example b.example);
my $server = Staple::Server->new(
    lines => "OCSPStapleProxy http://127.0.0.1:$port\n"
           . "OCSPStapleRetryInterval 1\n",
    vhosts => [
        { name => 'a.example', certs => [$certs[0]],
          lines => "OCSPStaple On\n" },
        { name => 'b.example', certs => [$certs[1]],
          lines => "OCSPStaple On\nOCSPStapleMethod get\n" }])->start;

ok(wait_all_stapled($server, ['a.example', 'b.example']),
   'both are stapled, through the proxy');
my $log = read_file("$dir/log") // '';
my $url = quotemeta $responder->url;
like($log, qr/POST $url HTTP/, 'the proxy saw the POST') or diag($log);
like($log, qr/GET ${url}M\S+ HTTP/, 'the proxy saw the GET');
is(grep({ ($_->{headers}{via} // '') =~ /tinyproxy/ } $responder->requests),
   scalar $responder->requests, 'the responder saw the proxy alone');

# Nobody goes around a proxy that is down.
stop_proxy();
$responder->clear_log;
my $new = $pki->cert('c.example', url => $responder->url);
$server->reconfigure(vhosts => [@{ $server->{vhosts} },
    { name => 'c.example', certs => [$new], lines => "OCSPStaple On\n" }]);
$server->graceful;
ok($server->wait_log(qr/CN=c\.example.*no connection to the server/, 10),
   'without the proxy there is no connection');
is($responder->count, 0, 'and nobody is asked without it');
