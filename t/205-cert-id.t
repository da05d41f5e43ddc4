# OCSPStapleCertID: by which digest requests name certificates, what is asked
# again with the other one, and who takes such staples.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 17;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my %at = map { $_ => Staple::Responder->new(pki => $pki) } qw(old new nobody);
my %cert = map { my ($name, $at) = @$_;
                 $name => $pki->cert("$name.example", url => $at{$at}->url) }
    ['auto', 'old'], ['changed', 'new'], ['modern', 'new'], ['former', 'new'],
    ['unknown', 'nobody'], ['later', 'new'];

$at{old}->set('*', 'malformed', hash => 'sha256');
$at{new}->set('*', 'unauthorized', hash => 'sha1');
$at{nobody}->set('*', 'unauthorized');

sub vhost {
    my ($name, $lines) = @_;

    return { name => "$name.example", certs => [$cert{$name}],
             lines => "OCSPStaple On\n" . ($lines // '') };
}

# The requests about a certificate, in order.
sub asked {
    my ($at, $name) = @_;

    return join ' ', map { "$_->{method}:" . uc $_->{hash} }
                     grep { $_->{name} eq "$name.example" } $at{$at}->requests;
}

my @vhosts = (vhost('auto'), vhost('changed'),
              vhost('modern', "OCSPStapleCertID sha256\n"),
              vhost('former', "OCSPStapleCertID sha1\n"), vhost('unknown'));
my @fine = map { "$_.example" } qw(auto changed modern);
my $server = Staple::Server->new(vhosts => \@vhosts)->start;

ok(wait_all_stapled($server, \@fine), 'each is stapled whose responder answers');
is(asked('old', 'auto'), 'POST:SHA1', 'auto: by SHA-1, where that is taken');
is(asked('new', 'changed'), 'POST:SHA1 POST:SHA256',
   'auto: by SHA-256, too, where SHA-1 is refused');
is(asked('new', 'modern'), 'POST:SHA256', 'sha256: at once');
ok($server->wait_log(qr/OST0041.*CN=former\.example.*unauthorized/, 10),
   'sha1: what is refused is refused');
is(asked('new', 'former'), 'POST:SHA1 GET:SHA1', 'sha1: never by another one');
ok(!staple($server, 'former.example')->{sent}, 'sha1: so it is not stapled');
ok($server->wait_log(qr/OST0041.*CN=unknown\.example.*unauthorized/, 10),
   'auto: a certificate that nobody knows');
is(asked('nobody', 'unknown'), 'POST:SHA1 POST:SHA256 GET:SHA1',
   'auto: is asked about once with each digest, not with each method');

# ---- who takes it ----

like(staple($server, 'changed.example')->{text}, qr/Hash Algorithm: sha256/,
     'the staple has the digest that was asked with');
my $gnutls = gnutls_cli($server, 'changed.example', ca => $pki->ca_file);
ok($gnutls->{ok} && $gnutls->{trusted} && $gnutls->{sent},
   'GnuTLS takes it') or diag($gnutls->{text});
is(curl_cert_status($server, 'auto.example', ca => $pki->ca_file), 0,
   'curl takes one by SHA-1');
my ($status, $text) = curl_cert_status($server, 'changed.example',
                                       ca => $pki->ca_file);
my ($version) = capture(['curl', '--version']) =~ /^curl (\d+)/;
SKIP: {
    skip 'a newer curl takes it', 1 if $version > 7 && $status eq '0';
    is($status, 91, 'curl 7.88 does not: it looks for SHA-1 alone')
        or diag($text);
}

# ---- what is kept ----

$_->clear_log for values %at;
$server->stop;
$at{$_}->set('*', 'trylater') for qw(old new);
$server->reconfigure(vhosts => [@vhosts, vhost('later')])->start;
is(join(' ', map { staple($server, $_)->{cert_status} // 'none' } @fine),
   'good good good', 'what the store has counts, by whichever digest');
ok(wait_until(sub { asked('new', 'later') =~ /\bGET/ }, 10)
       && asked('new', 'later') eq 'POST:SHA256 GET:SHA256',
   'and it is known whom to ask by SHA-256') or diag(asked('new', 'later'));
$server->stop;
$server->reconfigure(vhosts => [vhost('auto', "OCSPStapleCertID sha256\n"),
                                vhost('modern', "OCSPStapleCertID sha1\n")])
    ->start;
is(join(' ', map { staple($server, "$_.example")->{cert_status} // 'none' }
                 qw(auto modern)),
   'good good', 'also where another one is asked with now');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
