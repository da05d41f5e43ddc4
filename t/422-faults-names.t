# Names of responders that do not resolve, or to addresses that are dead.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Socket qw(inet_aton inet_pton AF_INET6);
use Staple::Test;
use Staple::Faults;
use Staple::NameServer;

my $names = Staple::NameServer->new;
my $ipv6 = eval { require IO::Socket::IP; 1 }
    && IO::Socket::IP->new(LocalHost => '::1', Listen => 1);

my @dead = map { "127.9.8.$_" } 1 .. 7;
my %a = ('slow.example' => ['127.0.0.1'], 'dead.example' => \@dead,
         'many.example' => [@dead, '127.251.7.7']);
my %aaaa = ('ipv6.example' => ['::1']);

# Addresses, none, or no such name; one name is slow, one is never answered.
sub answer {
    my ($name, $type) = @_;
    my @found = $type == 1  ? map { inet_aton($_) } @{ $a{$name} || [] }
              : $type == 28 ? map { inet_pton(AF_INET6, $_) }
                                  @{ $aaaa{$name} || [] }
              :               ();

    return if $name eq 'silent.example';
    return ($name eq 'slow.example' ? 1 : 0,
            $a{$name} || $aaaa{$name} ? \@found : undef);
}

$names->serve(\&answer) if $names;
Staple::Faults::show('names', need => {
    'no port 53, or no mount namespace' => $names, 'no IPv6' => $ipv6 });
