using System.Globalization;
using System.Text.RegularExpressions;

namespace Holdfast.Tests.Errors;

public partial class SettingsTableTests
{
    private static readonly HoldfastClientOptions Everything = new()
    {
        Node = "n",
        Clock = HoldfastClock.Manual,
        MemoryLimit = "1GiB",
        Data = "/var/lib/shop",
        Class = HoldfastStoreClass.Cache,
        MaxMemory = "64MiB",
        Eviction = HoldfastEviction.S3Fifo,
        DefaultTtl = TimeSpan.FromSeconds(90),
        MaxValue = "1MiB",
        HashTags = true,
        DefaultClass = HoldfastStoreClass.Cache,
        AutoCreateStores = false,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        Timeout = TimeSpan.FromMicroseconds(1_500),
        ReadConsistency = ReadConsistency.Bounded(TimeSpan.FromMilliseconds(250)),
        ClientName = "tests",
        TlsCa = "/ca.pem",
        TlsCertificate = "/client.pem",
        TlsKey = "/client.key",
        TlsServerName = "node1",
        Token = "secret",
    };

    /// <summary>Settings of C# alone, which are no text.</summary>
    private static readonly string[] NotInTheTable =
        ["ConnectionString", "Serializer", "TimeProvider", "LoggerFactory", "EmbeddedSpans"];

    [Fact]
    public void every_setting_of_the_one_table_has_its_property_and_the_other_way_round()
    {
        string[] table = [.. Row().Matches(Checkout.Read("rust-core/client/src/settings/rows.rs")).Select(row => row.Groups[1].Value)];
        Assert.True(table.Length > 10);
        IEnumerable<string> properties = typeof(HoldfastClientOptions).GetProperties()
            .Select(property => property.Name)
            .Except(NotInTheTable);
        Assert.Equal(table.Select(Pascal).Order(StringComparer.Ordinal), properties.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void every_setting_that_is_given_is_passed_under_its_name()
    {
        Assert.Equal(
            """
            class=cache
            max-memory=64MiB
            eviction=s3-fifo
            default-ttl=90000ms
            max-value=1MiB
            hash-tags=on
            node=n
            clock=manual
            memory-limit=1GiB
            data=/var/lib/shop
            default-class=cache
            auto-create-stores=off
            connect-timeout=5000ms
            timeout=1500us
            read-consistency=bounded:250ms
            client-name=tests
            tls-ca=/ca.pem
            tls-certificate=/client.pem
            tls-key=/client.key
            tls-server-name=node1
            token=secret

            """,
            Everything.Settings());
        Assert.Equal("", new HoldfastClientOptions().Settings());
    }

    [Fact]
    public void an_infinite_default_ttl_is_passed_as_none()
    {
        Assert.Equal("default-ttl=none\n", new HoldfastStoreOptions { DefaultTtl = Timeout.InfiniteTimeSpan }.Settings());
        Assert.Throws<ArgumentOutOfRangeException>(() => new HoldfastClientOptions { Timeout = Timeout.InfiniteTimeSpan }.Settings());
    }

    [Fact]
    public async Task native_code_reads_them_all()
    {
        HoldfastClientOptions options = Everything.Copy();
        options.AutoCreateStores = true;
        options.Node = "settings-table";
        DirectoryInfo folder = Directory.CreateTempSubdirectory("holdfast-tests-");
        options.Data = folder.FullName;
        (options.TlsCa, options.TlsCertificate, options.TlsKey, options.TlsServerName, options.Token) = (null, null, null, null, null);
        await using (HoldfastClient client = await HoldfastClient.ConnectAsync("holdfast://embedded/s?node=other&class=coordination", options))
        {
            Assert.Equal((HoldfastStoreClass.Cache, "settings-table"), (client.StoreClass!.Value, client.NodeName));
            Assert.Equal(64 << 20, client.Stats().MaxMemory);
        }

        folder.Delete(recursive: true);
    }

    [Fact]
    public void a_copy_has_every_property()
    {
        HoldfastClientOptions copy = Everything.Copy();
        foreach (System.Reflection.PropertyInfo property in typeof(HoldfastClientOptions).GetProperties())
        {
            Assert.Equal(property.GetValue(Everything), property.GetValue(copy));
        }
    }

    [Fact]
    public async Task the_options_are_copied_when_the_client_is_made()
    {
        var options = new HoldfastClientOptions { ConnectionString = TestNode.ConnectionString() };
        await using HoldfastClient client = HoldfastClient.Create(options);
        options.ConnectionString = "nonsense";
        client.Put("k", 1);
    }

    private static string Pascal(string name) => string.Concat(
        name.Split('-').Select(word => string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(word[0])}{word[1..]}")));

    /// <summary>A row that an opener may give; those of servers are <c>holdfast serve</c>'s own.</summary>
    [GeneratedRegex("""row\(\s*"([a-z-]+)",\s*Scope::(?:Node|Store|Client),""")]
    private static partial Regex Row();
}
