# Beside mod_md: a provider behind ours hears of the certificates that we take,
# so that mod_md still renews one that is revoked.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;

my $mod_md = Staple::Server::apxs('LIBEXECDIR') . '/mod_md.so';
my $renews = -e $mod_md
    && (read_file($mod_md) // '') =~ /OCSP reports revoked certificate/;

plan tests => 7, need { 'no mod_md that renews what is revoked' => $renews };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my %cert = map { $_ => $pki->cert("$_.example", url => $responder->url) }
    qw(revoked good);
my $nobody = free_port();

# The certificate is mod_md's to renew, at a CA that does not answer.
sub managed {
    my ($name) = @_;

    return <<"END";
<MDomain $name.example>
MDCertificateFile $cert{$name}{chain}
MDCertificateKeyFile $cert{$name}{key}
MDCertificateAuthority http://127.0.0.1:$nobody/directory
MDRenewMode always
</MDomain>
END
}

my $server = Staple::Server->new(
    modules => ['md'],
    log_level => 'md:trace2',
    lines => "MDStoreDir run/md\nMDStapling On\nMDRenewWindow 1d\n"
           . "MDCertificateAgreement accepted\n"
           . "MDContactEmail nobody\@example.org\n"
           . managed('revoked') . managed('good'),
    vhosts => [map { { name => "$_.example", lines => "OCSPStaple On\n" } }
                   qw(revoked good)]);

sub askers { return $responder->askers($_[0], 'mod_md') }

$responder->set('revoked.example', 'revoked');
$server->start;
is(wait_staple($server, 'good.example')->{cert_status}, 'good',
   'what is good is stapled');
is(wait_staple($server, 'revoked.example')->{cert_status}, 'revoked',
   'what is revoked is stapled, by us');
is($server->log_lines(qr/ocsp prime status call for: revoked\.example/), 2,
   'mod_md was told of it, once at each reading of the configuration');
ok(wait_until(sub { askers('revoked.example') eq 'mod_md we'
                        && askers('good.example') eq 'mod_md we' }, 25),
   'mod_md looks after both on its own, beside us');

# It looks at its start whether to renew, by what it has learned before that.
ok($server->mark && $server->graceful
       && $server->wait_log(qr/md\(revoked\.example\): need to renew, OCSP/,
                            25, since => 1),
   'mod_md renews the revoked certificate');
is($server->log_lines(qr/md\(good\.example\): need to renew/), 0,
   'and not the other');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
