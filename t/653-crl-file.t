# OCSPStapleCRLFile, in both forms, replaced and rewritten; OCSPStapleCRLURL
# instead of what the certificate names.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(write_file);
use Staple::Server;
use Staple::Status;

plan tests => 11;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $other = Staple::CRL->new(pki => $pki, dir => new_dir('root'), ca => 'root');
my $dir = new_dir('files');
my %cert = (der => $pki->cert('der.example'), pem => $pki->cert('pem.example'),
            wrong => $pki->cert('wrong.example'),
            url => $pki->cert('url.example', crl => $lists->url('own.crl')));
my %file = map { $_ => "$dir/$_.crl" } qw(der pem wrong);

chmod 0755, $dir;
write_file($file{der}, $ca->make);
write_file($file{pem}, $ca->make(pem => 1));
write_file($file{wrong}, $other->make);
chmod 0644, values %file;
$lists->put('own.crl', $other->make);
$lists->put('named.crl', $ca->make);

my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleIssuerCheck Off\n",
    vhosts => [status_vhost($port),
               (map { { name => "$_.example", certs => [$cert{$_}],
                        lines => "OCSPStaple On\nOCSPStapleResponder none\n"
                               . "OCSPStapleCRLFile $file{$_}\n" } }
                    sort keys %file),
               { name => 'url.example', certs => [$cert{url}],
                 lines => "OCSPStaple On\nOCSPStapleCRLURL "
                        . $lists->url('named.crl') . "\n" }],
)->start;

# Waits until the certificate of that name is in that state.
sub becomes {
    my ($name, $state) = @_;

    return wait_status($port, sub {
        grep { $_->{subject} eq "CN=$name.example" && $_->{state} eq $state }
             @{ $_->{certificates} };
    }, 20);
}

ok(becomes($_, 'good'), "$_: good") for qw(der pem url);
is($lists->count('own.crl'), 0, 'url: what the certificate names is not asked');
ok(becomes('wrong', 'unavailable'), "wrong: another CA's list says nothing");
ok($server->wait_log(qr/OST0149: OCSPStapleCRLFile \Q$file{wrong}\E is not\ used/,
                     10), 'wrong: told');

# Rewritten in place, while it may be read, and replaced.
$ca->revoke($cert{$_}, 'superseded') for qw(der pem);
write_file($file{der}, $ca->make);
write_file("$dir/new", $ca->make(pem => 1));
chmod 0644, "$dir/new";
rename "$dir/new", $file{pem} or die "$file{pem}: $!\n";
ok(becomes('der', 'revoked'), 'rewritten: noticed');
ok(becomes('pem', 'revoked'), 'replaced: noticed');

# An older list does not take that back.
write_file($file{der}, Staple::CRL->new(pki => $pki, dir => new_dir('old'))
                           ->make(last => -60));
ok($server->wait_log(qr/OST0149: OCSPStapleCRLFile \Q$file{der}\E is\ not\ used/,
                     10), 'an older one is refused');
ok(becomes('der', 'revoked'), 'and changes nothing');
write_file($file{wrong}, $ca->make);
ok(becomes('wrong', 'good'), 'wrong: the right one is noticed');
