package sim
import ("testing";"fmt";"slices"
 ai "weft/analysis/image"; "weft/analysis/taxonomy")
func TestZZ(t *testing.T){
 for _,p:=range Posts(1,60,now()) { fmt.Printf("%s %s %v %s\n   %s\n",p.Record.ID,p.Profile,p.Truth,p.Broken,p.Record.Text) }
 tx,_:=taxonomy.LoadColors(); m:=ai.NewColors(tx)
 plain,okp,two,okt,hv,spur:=0,0,0,0,0,0
 for _,p:=range Posts(2,160,now()) { if p.Broken!=""{continue}
  g:=p.Pictures[0].Garment
  b,_:=JPEG(g,p.Pictures[0].Seed); pr,err:=ai.Prepare(b,ai.Limits{}); if err!=nil{t.Error(err);continue}
  img,_:=ai.DecodeRendition(pr.Rendition)
  as:=m.Light(img,4); rs:=m.Regions(img,6,4)
  has:=func(c string)bool{for _,a:=range as{if a.Name=="color"&&a.Value==c{return true}};return false}
  hasR:=func(c string)bool{for _,a:=range rs{if a.Name=="color"&&a.Value==c{return true}};return false}
  for _,a:=range as{if a.Name=="color"&&!slices.Contains(p.Truth["color"],a.Value){spur++}}
  if len(p.Truth["color"])==1{plain++; if has(g.Color){okp++}else{fmt.Println(g,as)}}else{two++; if has(g.Color)&&has(g.Second){okt++}else if hasR(g.Color)&&hasR(g.Second){hv++}else{fmt.Println(g,as,rs)}}
 }
 fmt.Println("plain",okp,"/",plain,"two light",okt,"+heavy",hv,"/",two,"spurious",spur)
}
