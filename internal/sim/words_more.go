package sim

import "strings"

func chinese() words {
	return words{
		code: "zh", stop: "，", home: "家附近",
		garments: map[string][]noun{
			"t-shirt": {{"T恤", "s"}}, "shirt": {{"衬衫", "s"}}, "dress": {{"连衣裙", "s"}}, "pants": {{"裤子", "s"}, {"长裤", "s"}},
			"shorts": {{"短裤", "s"}}, "skirt": {{"半身裙", "s"}, {"短裙", "s"}}, "coat": {{"大衣", "s"}}, "hat": {{"帽子", "s"}},
			"shoes": {{"运动鞋", "s"}, {"球鞋", "s"}}, "bag": {{"手提包", "s"}, {"托特包", "s"}}, "longsleeve": {{"长袖", "s"}},
		},
		jeans: noun{"牛仔裤", "s"},
		this:  map[string]string{"s": "这件"}, my: map[string]string{"s": "我的"},
		colors: map[string]string{
			"black": "黑色", "white": "白色", "grey": "灰色", "navy": "藏青色", "blue": "蓝色", "light-blue": "浅蓝色", "green": "绿色",
			"olive": "军绿色", "yellow": "黄色", "orange": "橙色", "red": "红色", "burgundy": "酒红色", "pink": "粉色", "purple": "紫色",
			"brown": "棕色", "beige": "米色",
		},
		materials: map[string]string{"cotton": "纯棉", "linen": "亚麻", "silk": "真丝", "denim": "牛仔布", "wool": "羊毛", "leather": "真皮"},
		styles:    map[string]string{"vintage": "复古", "minimalist": "极简", "casual": "休闲", "streetwear": "街头"},
		cities: map[string]string{
			"Shanghai": "上海", "Beijing": "北京", "Guangzhou": "广州", "Chengdu": "成都", "Hangzhou": "杭州", "Taipei": "台北",
		},
		sentences: []string{
			"今天穿了{brand}的{color}{garment}，太好看了吧！", "{this}{color}{garment}也太显白了", "姐妹们！{brand}{garment}只要{price}块，冲！！",
			"{city}降温啦，终于可以穿{my}{material}{garment}", "分享一件{material}{garment}，质感绝了", "周末在{city}逛街，入手{color}{garment}一件",
			"OOTD｜{color}{garment}+咖啡", "{brand}这个{garment}真的值得买吗？", "闲置出：{brand} {color}{garment}，只穿过两次",
		},
		vague:     []string{"{city}的周末☀️", "今日份穿搭，喜欢吗？", "又被{brand}种草了", "无语，快递还没到", "选1还是选2？"},
		fabric:    []string{"是{material}的哦。", "{material}面料很舒服～"},
		negations: []string{"不要{garment}！", "不是{color}哦。", "今天没穿{garment}。"},
		noise:     []string{"（非广）", "链接放评论区了👇", "@穿搭小助手", "蹲一个链接", "yyds"},
		hashtags:  []string{"穿搭", "每日穿搭", "ootd", "种草", "好物分享", "小众", "显瘦穿搭", "出街"},
	}
}

func spanish() words {
	return words{
		code: "es", space: " ", stop: ".", home: "casa",
		garments: map[string][]noun{
			"t-shirt": {{"camiseta", "f"}}, "shirt": {{"camisa", "f"}}, "dress": {{"vestido", "m"}}, "pants": {{"pantalón", "m"}},
			"shorts": {{"pantalones cortos", "mp"}}, "skirt": {{"falda", "f"}}, "coat": {{"abrigo", "m"}}, "hat": {{"sombrero", "m"}},
			"shoes": {{"zapatillas", "fp"}}, "bag": {{"bolso", "m"}}, "longsleeve": {{"camiseta de manga larga", "f"}},
		},
		jeans: noun{"vaqueros", "mp"},
		this:  map[string]string{"m": "este", "f": "esta", "mp": "estos", "fp": "estas"},
		my:    map[string]string{"m": "mi", "f": "mi", "mp": "mis", "fp": "mis"},
		colors: map[string]string{
			"black": "negro", "white": "blanco", "grey": "gris", "navy": "azul marino", "blue": "azul", "light-blue": "celeste",
			"green": "verde", "olive": "verde oliva", "yellow": "amarillo", "orange": "naranja", "red": "rojo", "burgundy": "burdeos",
			"pink": "rosa", "purple": "morado", "brown": "marrón", "beige": "beige",
		},
		agree: func(color, form string) string {
			if strings.HasSuffix(color, "o") && !strings.Contains(color, " ") {
				if strings.HasPrefix(form, "f") {
					color = strings.TrimSuffix(color, "o") + "a"
				}
				if strings.HasSuffix(form, "p") {
					color += "s"
				}
			}
			return color
		},
		materials: map[string]string{"cotton": "algodón", "linen": "lino", "silk": "seda", "denim": "denim", "wool": "lana", "leather": "cuero"},
		sentences: []string{
			"Enamorada de {this} {garment} {color} de {brand}", "Por fin estreno {my} {garment} {color} en {city}", "{this} {garment} de {material} es lo más",
			"Vendo {this} {garment}, {price} €, casi sin uso",
		},
		vague:     []string{"Domingo en {city}", "¿Qué os parece?", "Otra vez {brand}, lo siento"},
		fabric:    []string{"100% {material}."},
		negations: []string{"Nada de {garment} hoy.", "Nunca de color {color}."},
		noise:     []string{"(publi)", "link en la bio", "gracias @amiga"},
		hashtags:  []string{"outfit", "moda", "lookdeldia", "ootd", "estilo"},
	}
}

func japanese() words {
	return words{
		code: "ja", stop: "。", home: "近所",
		garments: map[string][]noun{
			"t-shirt": {{"Tシャツ", "s"}}, "shirt": {{"シャツ", "s"}}, "dress": {{"ワンピース", "s"}}, "pants": {{"パンツ", "s"}},
			"shorts": {{"ショートパンツ", "s"}}, "skirt": {{"スカート", "s"}}, "coat": {{"コート", "s"}}, "hat": {{"帽子", "s"}},
			"shoes": {{"スニーカー", "s"}}, "bag": {{"バッグ", "s"}}, "longsleeve": {{"ロンT", "s"}},
		},
		jeans: noun{"ジーンズ", "s"},
		this:  map[string]string{"s": "この"}, my: map[string]string{"s": "お気に入りの"},
		colors: map[string]string{
			"black": "黒", "white": "白", "grey": "グレー", "navy": "ネイビー", "blue": "青", "light-blue": "水色", "green": "緑",
			"olive": "カーキ", "yellow": "黄色", "orange": "オレンジ", "red": "赤", "burgundy": "ボルドー", "pink": "ピンク", "purple": "紫",
			"brown": "茶色", "beige": "ベージュ",
		},
		materials: map[string]string{"cotton": "コットン", "linen": "リネン", "silk": "シルク", "denim": "デニム", "wool": "ウール", "leather": "レザー"},
		cities:    map[string]string{"Tokyo": "東京", "Osaka": "大阪"},
		sentences: []string{
			"{brand}の{color}の{garment}、やっと買えた！", "今日は{my}{garment}で{city}へ", "{this}{garment}、{material}で気持ちいい", "{color}の{garment}コーデ",
		},
		vague:     []string{"{city}の日曜日", "今日のコーデどうかな？", "また{brand}で散財…"},
		fabric:    []string{"{material}100%です。"},
		negations: []string{"{garment}は着ません。", "{color}じゃないよ。"},
		noise:     []string{"（PR）", "プロフのリンクから🔗"},
		hashtags:  []string{"今日のコーデ", "ootd", "コーデ", "ファッション", "大人コーデ"},
	}
}
