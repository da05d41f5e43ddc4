# Many tenants whose staples are of many sizes, which change: nobody's takes the
# room of another's, and clients of every sort go on meanwhile.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Clients;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $clients = Staple::Clients->new(pki => $pki);
my $responder = Staple::Responder->new(pki => $pki);
my @tenants = $pki->certs(400, prefix => 'tenant', url => $responder->url,
                          same_key => 1);
my @names = map { $_->{name} } @tenants;

my $server;

# By the last digit of a tenant's number: what its response is filled up with,
# and with what after it has been asked for again.
my @first = (0, 60_000, 60_000, 15_000, 15_000, 4_000, 4_000, 4_000, 0, 0);
my @then  = (60_000, 0, 4_000, 15_000, 4_000, 15_000, 0, 4_000, 60_000, 0);

sub size_of {
    my ($name, @sizes) = @_;
    return $sizes[substr $name, -1];
}

# Those that OpenSSL's clients take in TLS 1.2, before and after.
my @modest = grep { size_of($_, @first) < 16_000 && size_of($_, @then) < 16_000 }
    @names;

sub set_sizes {
    my ($sizes, %keys) = @_;

    $responder->set_all(map {
        ["*$_", 'good', pad => $sizes->[$_], %keys] } 0 .. 9);
    return;
}

# Names of those whose staple is not of its size now; nothing stapled is of none.
sub wrong_sizes {
    my ($sizes) = @_;
    my $rows = handshakes($server, \@names, tls => '1.3',
                          verify => $pki->ca_file)->{rows};

    return grep {
        my $more = $_->{length} - size_of($_->{name}, @$sizes);
        $_->{status} ne 'good' || $more < 300 || $more > 3000;
    } @$rows;
}

plan tests => 9 + 2 * $clients->all;

# They are asked for again at half of this.
set_sizes(\@first, next => int scale(16));
$server = Staple::Server->new(
    lines => Staple::Clients::any_size(),
    vhosts => [Staple::Server->stapled(@tenants)])->start(timeout => 60);
ok(wait_all_stapled($server, \@names, within => 20, tls => '1.3'),
   'all tenants are stapled');
is(join(' ', map { "$_->{name}:$_->{length}" } wrong_sizes(\@first)), '',
   'each has its own, of its size');

my @ends = map { [$_->[0], start_handshakes(
    $server, $_->[1], tls => $_->[0], concurrency => 2, pause => 5,
    verify => $pki->ca_file)] } ['1.2', \@modest], ['1.3', \@names];

set_sizes(\@then, next => 86_400);
for my $client ($clients->all) {
    for my $tls ('1.2', '1.3') {
      SKIP: {
            my $who = "$client->{name}, TLS $tls";
            skip "$who: $client->{missing}", 1 if $client->{missing};
            my $got = $clients->shake($client, $server, $modest[0], tls => $tls);
            ok($got->{ok} && $got->{stapled}, "$who: takes one meanwhile")
                or diag($got->{text});
        }
    }
}
ok(wait_until(sub { !wrong_sizes(\@then) }, 30, 0.5),
   'in the end each has its new one');

for my $end (@ends) {
    my ($tls, $stop) = @$end;
    my $result = $stop->();
    my @bad = grep { !$_->{ok} || $_->{status} ne 'good' } @{ $result->{rows} };

    cmp_ok($result->{total}, '>', 0, "TLS $tls: handshakes, of which");
    is(join("\n", map { "$_->{name} $_->{status} $_->{why}" } @bad), '',
       "TLS $tls: none failed or went without a good staple");
}
is($server->log_lines(qr/cache_full|does not fit|no room/), 0,
   'there was room for all');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
