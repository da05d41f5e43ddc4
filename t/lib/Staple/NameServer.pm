package Staple::NameServer;

# A name server of the test's own, which httpd alone asks.

use strict;
use warnings;

use IO::Socket::INET ();

use Staple::Process qw(capture write_file);
use Staple::Test ();

#   my $names = Staple::NameServer->new;
#   plan tests => 5, need { 'no port 53, or no mount namespace' => $names };
#   my $socket = $names->socket; # UDP; who answers, if anybody, is the test
#
# It has a loopback address of its own; every server started from now on has a
# mount namespace in which /etc/resolv.conf names that.  Returns nothing where
# this machine does not allow it.
sub new {
    my ($class) = @_;
    my $address = sprintf '127.%d.%d.%d', map { 1 + int rand 250 } 1 .. 3;
    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $address,
                                       LocalPort => 53);
    my $dir = Staple::Test::new_dir('resolver');

    write_file("$dir/resolv.conf",
               "nameserver $address\noptions timeout:20 attempts:1\n");
    write_file("$dir/wrap", <<"SH");
mount --bind $dir/resolv.conf /etc/resolv.conf && exec "\$@"
SH
    # setpriv's signal at the death of its parent must reach httpd: unshare
    # execs.
    my @wrap = ('unshare', '-m', 'sh', "$dir/wrap");

    return if !$socket || $> != 0 || !Staple::Test::have_tool('unshare')
        || (capture([@wrap, 'true']))[1] ne '0';
    $ENV{STAPLE_WRAP} = "@wrap";
    return bless { socket => $socket }, $class;
}

sub socket { return $_[0]{socket} }

1;
