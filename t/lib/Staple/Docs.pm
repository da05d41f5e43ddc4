package Staple::Docs;

# README and docs/*.md: the blocks in them, made ready to be run.

use strict;
use warnings;

use Staple::Process qw(read_file write_file);
use Staple::Server;

# The documents, relative to the source.
sub files {
    my ($top) = @_;

    return map { s{^\Q$top\E/}{}r } "$top/README.md",
        sort +glob "$top/docs/*.md $top/docs/kit/*.md";
}

# Blocks of a document that are fenced as this language:
# { file, line (of the first line), text }
sub blocks {
    my ($top, $file, $language) = @_;
    my ($line, @blocks, $block) = (0);

    for my $text (split /\n/, read_file("$top/$file") // '') {
        $line++;
        if (defined $block && $text =~ /^\s*```\s*$/) {
            push @blocks, $block;
            undef $block;
        }
        elsif (defined $block) {
            $block->{text} .= "$text\n";
        }
        elsif ($text =~ /^\s*```\Q$language\E\s*$/) {
            $block = { file => $file, line => $line + 1, text => '' };
        }
    }
    return @blocks;
}

# What a certificate or key of an example is replaced by: one file with all.
sub combined {
    my ($server, $cert) = @_;

    return write_file($server->root . '/combined.pem',
                      join '', map { read_file($_) } @$cert{qw(key chain)});
}

# A program of an example becomes one that is there and does nothing.
sub program {
    my ($server, $name) = @_;
    my $path = $server->root . '/' . $name =~ s{.*/}{}r;

    write_file($path, "#!/bin/sh\nexit 0\n");
    chmod 0755, $path or die "$path: $!\n";
    return $path;
}

# A module of an example: where this httpd has it, or nothing where it is
# linked in.
sub load_module {
    my ($name, $file) = @_;

    return '' if Staple::Server::is_static($name);
    $file = $name eq 'ocspstaple' ? Staple::Server::module()
          : Staple::Server::apxs('LIBEXECDIR') . "/$file";
    return "LoadModule ${name}_module $file";
}

# The modules beyond the usual ones that a block wants, by its LoadModule lines
# and by its directives; undef where this httpd lacks one.
sub modules {
    my ($text) = @_;
    my %by_word = (
        socache_redis => qr/^\s*OCSPStapleShared redis:/m,
        socache_memcache => qr/^\s*OCSPStapleShared memcache:/m,
        md => qr/^\s*<?MD[A-Z]/m, setenvif => qr/^\s*SetEnvIf/m,
        status => qr/^\s*SetHandler server-status|^\s*ExtendedStatus/m,
        authz_host => qr/^\s*Require (?:ip|host|local)/m,
        headers => qr/^\s*(?:Request)?Header /m,
    );
    my %wanted = map { $_ => 1 }
        grep({ $text =~ $by_word{$_} } keys %by_word),
        $text =~ /^\s*LoadModule (\w+)_module/gm;

    delete @wanted{qw(ssl watchdog ocspstaple unixd log_config authz_core
                      socache_shmcb)};
    for my $name (keys %wanted) {
        return if !Staple::Server::is_static($name)
            && !-e Staple::Server::apxs('LIBEXECDIR') . "/mod_$name.so";
    }
    return [sort keys %wanted];
}

# The block with its placeholders resolved: certificates and keys are the
# test's, programs are there, modules are where this httpd has them, and nothing
# is written or asked outside of the test.
sub resolve {
    my ($server, $combined, $text) = @_;

    mkdir $server->root . '/logs';
    for ($text) {
        s{^(\s*)LoadModule (\w+)_module \S*?([^/\s]+)$}
         {$1 . load_module($2, $3)}gme;
        s{^(\s*SSLCertificate(?:Key|Chain)?File\s+)\S+}{$1$combined}gm;
        s{^(\s*SSLCACertificateFile\s+)\S+}{$1$combined}gm;
        s{^(\s*OCSPStapleEventCommand\s+)("?)([^\s"]+)}
         {$1 . $2 . program($server, $3)}gme;
        s{/var/log/\S*?([^/\s"]+)(?=["\s])}{logs/$1}g;
        s{^(\s*Listen\s+)\S+}{$1 . '127.0.0.1:' . $server->port}gme;
    }
    return $text;
}

1;
