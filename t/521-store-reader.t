# Responses in files, of the store or given by the administrator, are material
# from outside: children read them, the parent never does.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $trace = new_dir('strace') . '/trace';
my $can_trace = have_tool('strace')
    && (capture(['strace', '-D', '-f', '-qq', '-o', $trace, 'true']))[1]
        eq '0';

plan tests => 8, need { 'strace does not work' => $can_trace };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $stored = $pki->cert('stored.example', url => $responder->url);
my $given = $pki->cert('given.example', url => $responder->url);
my $file = new_dir('response') . '/given.der';
capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
         $given->{leaf}, '-url', $responder->url, '-respout', $file,
         '-noverify']);
chmod 0644, $file;

my @names = qw(stored.example given.example);
my $server = Staple::Server->new(vhosts => [
    { name => $names[0], certs => [$stored], lines => "OCSPStaple On\n" },
    { name => $names[1], certs => [$given], lines => "OCSPStaple On\n"
        . "OCSPStapleResponder none\nOCSPStapleResponderAction override\n"
        . "OCSPStapleResponseFile $file\n" },
])->start;
ok(wait_all_stapled($server, \@names), 'both are stapled');
my $store = $server->root . '/store';
ok($responder->wait_for(sub {
    return grep { m{/[0-9a-f]{64}$} } glob "$store/*";
}), 'one is stored');
$server->stop;

# Now one comes out of the store, the other out of its file.
$ENV{STAPLE_WRAP} = "strace -D -f -qq -e trace=open,openat,openat2 -o $trace "
                    . ($ENV{STAPLE_WRAP} // '');
$responder->clear_log;
$server->start;
my $parent = $server->pid;
ok(wait_all_stapled($server, \@names), 'both are stapled after a start');
is($responder->count, 0, 'by nobody\'s help');
$server->graceful(wait => 1);
ok(wait_all_stapled($server, \@names), 'and after a graceful restart');
$server->stop;

my (%opened, %by_parent);
for my $line (split /\n/, read_file($trace)) {
    my ($pid, $name) = $line =~ /^(\d+) +open\w*\(.*?"([^"]*)"/ or next;
    my $what = $name =~ m{(?:^|/)[0-9a-f]{64}$} ? 'stored'
             : $name eq $file                   ? 'given'
             :                                    next;

    $pid == $parent ? $by_parent{$what}++ : $opened{$what}++;
}
ok($opened{stored}, 'children open files of the store');
ok($opened{given}, 'and those that are given');
is(join(' ', %by_parent), '', 'the parent opens none of them');
