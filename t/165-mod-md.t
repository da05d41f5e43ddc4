# Beside mod_md's stapling: what is stapled where OCSPStaple is On is ours, all
# others are mod_md's, which asks about all of them.
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

my $late = Staple::Responder->new(pki => $pki);
$late->set('*', 'trylater');
my $server = Staple::Server->new(
    modules => ['md'],
    lines => "MDStoreDir run/md\nMDStapling On\n",
    vhosts => [
        { name => 'ours.example', certs => [$cert{ours}],
          lines => "OCSPStaple On\n" },
        { name => 'late.example', certs => [$cert{late}],
          lines => "OCSPStaple On\nOCSPStapleResponder " . $late->url
              . "\nOCSPStapleResponderAction override\n" },
        { name => 'theirs.example', certs => [$cert{theirs}] }]);

sub askers { return $responder->askers($_[0], 'mod_md') }

$server->start;
for my $tls ('1.2', '1.3') {
    for my $name (qw(ours theirs)) {
        is(wait_staple($server, "$name.example", tls => $tls, within => 25)
               ->{cert_status}, 'good', "TLS $tls: $name is stapled");
    }
}
ok(wait_until(sub { askers('ours.example') eq 'mod_md we' }, 25),
   'On: we asked, and mod_md, which was told of it');
is(askers('theirs.example'), 'mod_md', 'not On: mod_md asked');

# Ours stays ours while there is no response, also where mod_md has one.
ok(wait_until(sub { askers('late.example') eq 'mod_md' }, 25),
   'mod_md got a response for a third one, of which our responder has none');
ok(wait_until(sub { $late->count > 0 }, 10)
       && !staple($server, 'late.example')->{sent},
   'mod_md is not asked for it in our place');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
