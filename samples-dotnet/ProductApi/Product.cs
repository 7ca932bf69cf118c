namespace ProductApi;

/// <summary>A product with what its reviews say.</summary>
public sealed record Product(int Id, string Name, decimal Price, int Reviews, double Stars);

/// <summary>What an update changes, as it came: a body may lack either.</summary>
public sealed record ProductChange(string? Name, decimal? Price)
{
    /// <summary>What is wrong with it, under the names that the body uses.</summary>
    public Dictionary<string, string[]> Errors()
    {
        var errors = new Dictionary<string, string[]>();
        if (string.IsNullOrWhiteSpace(Name))
        {
            errors["name"] = ["A name is required."];
        }

        if (Price is not >= 0)
        {
            errors["price"] = ["A price of zero or more is required."];
        }

        return errors;
    }
}
