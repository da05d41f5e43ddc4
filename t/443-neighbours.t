# Twenty certificates with a responder that is well, beside many tenants whose
# responders are dead in four ways: all are stapled soon, are asked for again in
# time, and clients of every sort go on meanwhile.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);
use Staple::Test;
use Staple::Client;
use Staple::Clients;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;

my $each = 100;    # of the dead, in each way
my $life = 16;     # seconds: a response is asked for again at half of it

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $clients = Staple::Clients->new(pki => $pki);
my $well = Staple::Responder->new(pki => $pki);
my %dead = map { $_ => Staple::Responder->new(pki => $pki, listen => 'lo') }
    qw(refuse hang-connect silent);

# The URL of the n-th certificate whose responder is dead in this way: hosts of
# their own, but for those that take connections and say nothing.
sub url_of {
    my ($way, $n) = @_;

    return $way eq 'name'         ? "http://no-$n.invalid/"
         : $way eq 'hang-connect' ? $dead{$way}->url("/$n/")
         :                          $dead{$way}->url_at($n);
}

$dead{$_}->set('*', $_) for keys %dead;
$well->set('*', 'good', next => int scale($life));
my @well = $pki->certs(20, prefix => 'well', url => $well->url, same_key => 1);
my @names = map { $_->{name} } @well;
my @neighbours = map {
    my $way = $_;
    map { $pki->cert("$way-$_.example", url => url_of($way, $_)) } 1 .. $each;
} sort keys(%dead), 'name';

plan tests => 9 + 2 * $clients->all;

# The dead come first.
my $server = Staple::Server->new(
    lines => "OCSPStapleTimeout 5\n",
    vhosts => [Staple::Server->stapled(@neighbours, @well)]);
alarm scale(300);    # so many hosts take their time to start
$server->start(timeout => 60);
my $began = time;
my $took = wait_all_stapled($server, \@names, within => 30,
                            verify => $pki->ca_file);
ok($took, 'all that can be are stapled within 30 s');
diag(sprintf 'after %.1f s', $took // time - $began);
$well->clear_log;

my @ends = map { [$_, start_handshakes(
    $server, \@names, tls => $_, concurrency => 2, pause => 20,
    verify => $pki->ca_file)] } '1.2', '1.3';

for my $client ($clients->all) {
    for my $tls ('1.2', '1.3') {
      SKIP: {
            my $who = "$client->{name}, TLS $tls";
            skip "$who: $client->{missing}", 1 if $client->{missing};
            my $got = $clients->shake($client, $server, $names[0], tls => $tls);
            ok($got->{ok} && $got->{stapled}, "$who: takes one meanwhile")
                or diag($got->{text});
        }
    }
}
ok(wait_until(sub {
    return !grep { !$well->count(name => $_) } @names;
}, $life, 0.5), 'each is asked for again, in time')
    or diag(join ' ', map { "$_:" . $well->count(name => $_) } @names);

for my $end (@ends) {
    my ($tls, $stop) = @$end;
    my $result = $stop->();
    my @bad = grep { !$_->{ok} || $_->{status} ne 'good' } @{ $result->{rows} };

    cmp_ok($result->{total}, '>', 0, "TLS $tls: handshakes, of which");
    is(join("\n", map { "$_->{name} $_->{status} $_->{why}" } @bad), '',
       "TLS $tls: none failed or went without a good staple");
}
# There were dead ones beside them all the while.
my $asked = $server->log_lines(qr/no connection|in time|does not resolve/);
cmp_ok($asked, '>', 0, 'the log tells of the dead');
cmp_ok($server->stop(timeout => 20) // 99, '<', scale(10), 'httpd ends soon');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
