# Interval 60 and a nextUpdate in an hour: asked again within 60 s.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;

plan tests => 4;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @names = map { "$_.example" } 'a' .. 'e';
my @certs = map { $pki->cert($_, url => $responder->url) } @names;

$responder->set('*', 'good', next => 3600);
my $server = Staple::Server->new(
    lines => "OCSPStaple On\nOCSPStapleInterval 60\n",
    vhosts => [map { { name => $_->{name}, certs => [$_] } } @certs])->start;

ok(wait_all_stapled($server, \@names), 'all are stapled');
ok(wait_until(sub { $responder->count >= 2 * @names }, 70, 0.5),
   'all are asked about again');
my %times;
push @{ $times{$_->{name}} }, $_->{time} for $responder->requests;
my @gaps = sort { $a <=> $b } map { $_->[1] - $_->[0] } values %times;
diag("after @gaps s");
ok($gaps[0] >= 53.5 && $gaps[-1] <= 60 + scale(3),
   'after 54 to 60 s, and the time that a request takes');
cmp_ok($gaps[-1] - $gaps[0], '>', 0.2, 'not all at once: jitter');
