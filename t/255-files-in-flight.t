# Response files are looked at while a responder keeps the refresher waiting.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 5;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $file = $pki->cert('file.example', url => $responder->url);
my $slow = $pki->cert('slow.example', url => $responder->url);
my $path = new_dir('files') . '/a.der';

# What the responder would say of the first, put in place.
sub put {
    my (%rule) = @_;

    $responder->set('file.example', 'good', %rule);
    capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
             $file->{leaf}, '-url', $responder->url, '-respout', "$path.new",
             '-noverify', '-no_nonce']);
    chmod 0644, "$path.new";
    rename "$path.new", $path or die "$path: $!\n";
    return;
}

sub sha1 {
    my ($server) = @_;

    return (map { $_->{sha1} }
                @{ handshakes($server, ['file.example'])->{rows} })[0] // '';
}

put(this => -60, next => 3600);
$responder->set('slow.example', 'hang');
my $server = Staple::Server->new(vhosts => [
    { name => 'file.example', certs => [$file],
      lines => "OCSPStaple On\nOCSPStapleResponder none\n"
             . "OCSPStapleResponseFile $path\n" },
    { name => 'slow.example', certs => [$slow],
      lines => "OCSPStaple On\nOCSPStapleTimeout 300\n" }])->start;
ok(wait_all_stapled($server, ['file.example']), 'a file is stapled');
my $before = sha1($server);
ok($responder->wait_for(sub {
    $responder->count(name => 'slow.example') }, 20), 'a responder hangs');
put(this => -30, next => 3600);
ok(wait_until(sub { sha1($server) ne $before }, 20),
   'a new file is stapled long before the time of that is over');
is($responder->count(name => 'slow.example'), 1, 'which is still in flight');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
