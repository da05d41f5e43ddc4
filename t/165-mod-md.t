# Beside mod_md's stapling: OCSPStaple On is ours, all others are mod_md's.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $mod_md = Staple::Server::apxs('LIBEXECDIR') . '/mod_md.so';

plan tests => 9, need { 'no mod_md' => -e $mod_md };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my %cert = map { $_ => $pki->cert("$_.example", url => $responder->url) }
    qw(ours theirs late);

$responder->set('late.example', 'trylater');
my $server = Staple::Server->new(
    modules => ['md'],
    lines => "MDStoreDir run/md\nMDStapling On\n",
    vhosts => [
        { name => 'ours.example', certs => [$cert{ours}],
          lines => "OCSPStaple On\n" },
        { name => 'late.example', certs => [$cert{late}],
          lines => "OCSPStaple On\n" },
        { name => 'theirs.example', certs => [$cert{theirs}] }]);

sub askers {
    my ($name) = @_;
    my %by = map { (($_->{headers}{'user-agent'} // '')
                        =~ /^mod_ocspstaple/ ? 'we' : 'mod_md') => 1 }
        grep { $_->{name} eq $name } $responder->requests;

    return join ' ', sort keys %by;
}

$server->start;
for my $tls ('1.2', '1.3') {
    for my $name (qw(ours theirs)) {
        is(wait_staple($server, "$name.example", tls => $tls, within => 25)
               ->{cert_status}, 'good', "TLS $tls: $name is stapled");
    }
}
is(askers('ours.example'), 'we', 'On: we asked');
is(askers('theirs.example'), 'mod_md', 'not On: mod_md asked');

# Ours stays ours while there is no response.
ok(!staple($server, 'late.example')->{sent},
   'ours without a response is not stapled');
is(askers('late.example'), 'we', 'mod_md is not asked in our place');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
